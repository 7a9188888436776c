import { join } from "node:path";
import type { Namespace } from "../support/namespace.ts";
import type { Bench, Suite } from "./figure.ts";

/** A plugin and a network of it, measured with ours and with the stock plugin of the same type. */
export interface PluginScenario {
	readonly title: string;
	readonly type: string;
	/** The plugin's own keys. */
	readonly config: object;
	/** Subnets of host-local, for a plugin that asks for addresses. */
	readonly subnets?: readonly string[];
	/** Run by a shell in the host's namespace before the first call; `$CONTAINER` is the name of the container's. */
	readonly prepare?: string;
	/** The same before each ADD, which is not measured. */
	readonly restore?: string;
	/** Run beside, each by a shell that becomes it; `$BIN` is the suite's folder, `$STATE` one for files of the scenario. */
	readonly servers?: readonly string[];
	/** What another plugin has made before, as `prepare` does here. */
	readonly isChained?: boolean;
	/** Words of an `ip link add name probe …`, for a kind of link that the kernel may lack. */
	readonly needs?: string;
}

/** The interface of another machine, as far as the kernel can tell. */
const master = "ip link add m0 type veth peer name far; ip link set m0 up; ip link set far up";

/** What `bridge` leaves behind. */
const attached = `
	ip link add h0 type veth peer name eth0 netns "$CONTAINER"
	ip address add 10.66.0.1/16 dev h0; ip link set h0 up
	ip -n "$CONTAINER" address add 10.66.0.2/16 dev eth0; ip -n "$CONTAINER" link set eth0 up`;
/** Stock leaves its routes and qdiscs on an interface that it expects to go. */
const attachedAnew = `
	ip link del h0${attached}
	ip -n "$CONTAINER" route add default via 10.66.0.1`;

const ipv4 = ["10.66.0.0/16"];

/** Every plugin that stock has, too; `bridge`, `host-local` and `portmap` are measured in more detail elsewhere. */
export const pluginScenarios: readonly PluginScenario[] = [
	{ title: "ptp", type: "ptp", config: {}, subnets: ipv4 },
	{
		title: "ptp, `ipMasq` through nftables on both sides",
		type: "ptp",
		config: { ipMasq: true, ipMasqBackend: "nftables" },
		subnets: ipv4,
	},
	{ title: "ptp, IPv4 and IPv6", type: "ptp", config: {}, subnets: [...ipv4, "fd66::/64"] },
	{ title: "macvlan", type: "macvlan", config: { master: "m0" }, prepare: master, subnets: ipv4 },
	{
		title: "ipvlan",
		type: "ipvlan",
		config: { master: "m0" },
		prepare: master,
		needs: "link m0 type ipvlan",
		subnets: ipv4,
	},
	{
		title: "vlan",
		type: "vlan",
		config: { master: "m0", vlanId: 5 },
		prepare: master,
		needs: "link m0 type vlan id 9",
		subnets: ipv4,
	},
	{ title: "host-device", type: "host-device", config: { device: "m0" }, prepare: master, subnets: ipv4 },
	{ title: "tap, owner and group", type: "tap", config: { owner: 0, group: 0 }, subnets: ipv4 },
	{ title: "tap, no owner", type: "tap", config: {}, subnets: ipv4 },
	{ title: "dummy", type: "dummy", config: {}, needs: "type dummy", subnets: ipv4 },
	{
		title: "static, called directly",
		type: "static",
		config: { ipam: { type: "static", addresses: [{ address: "10.66.0.2/16", gateway: "10.66.0.1" }] } },
	},
	{
		title: "dhcp, called directly, with dnsmasq",
		type: "dhcp",
		config: {},
		prepare: attached,
		servers: [
			"dnsmasq --no-daemon --conf-file=/dev/null --pid-file= --user=root --port=0 --interface=h0 --bind-interfaces" +
				" --no-ping --dhcp-authoritative --dhcp-range=10.66.0.50,10.66.0.99,2m --dhcp-leasefile=$STATE/leases",
			"$BIN/dhcp daemon -socketpath $STATE/dhcp.sock",
		],
	},
	{
		title: "tuning",
		type: "tuning",
		config: { mtu: 1400, promisc: true, sysctl: { "net.ipv4.conf.IFNAME.log_martians": "1" } },
		prepare: attached,
		isChained: true,
	},
	{ title: "sbr", type: "sbr", config: {}, prepare: attached, restore: attachedAnew, isChained: true },
	{
		title: "vrf",
		type: "vrf",
		config: { vrfname: "red" },
		prepare: attached,
		needs: "type vrf table 9",
		isChained: true,
	},
	{
		title: "bandwidth",
		type: "bandwidth",
		config: { ingressRate: 1e8, ingressBurst: 1e7, egressRate: 1e8, egressBurst: 1e7 },
		prepare: attached,
		restore: attachedAnew,
		isChained: true,
	},
	{ title: "firewall", type: "firewall", config: {}, prepare: attached, isChained: true },
];

/** The configuration of one suite, with folders of its own for what is kept. */
export function pluginConfig(
	bench: Bench,
	{ scenario, suite, container }: { scenario: PluginScenario; suite: Suite; container: Namespace },
): object {
	const { type, config, subnets, isChained } = scenario;
	const dataDir = stateOf(bench, suite);
	const ranges = subnets?.map((subnet) => [{ subnet }]);
	return {
		cniVersion: "1.0.0",
		name: "plugins",
		type,
		...(ranges === undefined ? {} : { ipam: { type: "host-local", dataDir, ranges } }),
		...(isChained === true ? { dataDir: join(dataDir, type), prevResult: prevResult(container) } : {}),
		...config,
		...(type === "dhcp" ? { ipam: { type, daemonSocketPath: join(dataDir, "dhcp.sock") } } : {}),
	};
}

/** The folder of what is kept. */
export function stateOf({ directory }: Bench, suite: Suite): string {
	return join(directory, `plugins-${suite}`);
}

function prevResult(container: Namespace): object {
	return {
		cniVersion: "1.0.0",
		interfaces: [{ name: "h0" }, { name: "eth0", sandbox: container.path }],
		ips: [{ address: "10.66.0.2/16", gateway: "10.66.0.1", interface: 1 }],
		routes: [{ dst: "0.0.0.0/0" }],
	};
}

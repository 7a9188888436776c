import { join } from "node:path";
import { attemptIn, runIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { type Failure, type Mutation, pluginContract } from "./plugin.ts";

const equipped = new WeakSet<World>();

/** Gives the host of a new world its devices. */
function equip(world: World): void {
	if (world.host === undefined || equipped.has(world)) return;
	equipped.add(world);
	const lines = [
		// Link-local addresses would come some time after the devices.
		"sysctl -qw net.ipv6.conf.default.addr_gen_mode=1",
		...[0, 1].map((n) => `ip link add cst-dev${n} type veth peer name cst-wire${n}`),
		...["cst-dev0", "cst-dev1", "cst-wire0", "cst-wire1"].map((name) => `ip link set ${name} up`),
	];
	runIn(world.host, ["sh", "-ec", lines.join("\n")]);
}

const config = (world: World) => {
	equip(world);
	// Where leftovers are looked for.
	return { device: "cst-dev0", dataDir: join(world.dataDir, "host-device") };
};

/** The devices, as they were: up, and without alias. */
const kept = [
	/^\+ link cst-(dev|wire)\d \(veth\) mac \S+ mtu 1500 BROADCAST,MULTICAST(,UP)?$/,
	/^\+ qdisc noqueue .* on cst-(dev|wire)\d \(veth\)$/,
];

const links: readonly Mutation[] = [
	{
		what: "the interface is gone",
		change: ({ inside }) => inside("ip link del eth0"),
		named: /Cannot find container link eth0/,
	},
	{
		what: "the interface is down",
		change: ({ inside }) => inside("ip link set eth0 down"),
		named: /eth0 is down/,
	},
	{
		what: "the interface has another hardware address",
		change: ({ inside }) => inside("ip link set eth0 address 02:00:00:00:00:99"),
		named: /eth0 Mac .* doesn't match container Mac: 02:00:00:00:00:99/,
	},
];

const addresses: readonly Mutation[] = [
	{
		what: "the address is gone",
		change: ({ inside, result }) => inside(`ip address del ${result.ips?.[0]?.address} dev eth0`),
		named: /Failed to match addr 10\.5\.0\.2\/24 on interface eth0/,
	},
	{
		what: "a route is gone",
		change: ({ inside }) => inside("ip route del 10.9.0.0/16"),
		named: /Expected Route 10\.9\.0\.0\/16 via 10\.5\.0\.1 not found/,
	},
];

const failures: readonly Failure[] = [
	{ what: "nothing says which device", arrange: () => ({ device: "" }) },
	{ what: "there is no such device", arrange: () => ({ device: "cst-no-such" }) },
	{
		what: "the container has an interface of that name",
		arrange(_, container) {
			attemptIn(container, ["ip", "link", "add", "eth0", "type", "ifb"]);
			return {};
		},
	},
	{
		what: "a route leads nowhere",
		arrange: (world) => ({ ipam: { ...hostLocal(world), routes: [{ dst: "10.40.0.0/16", gw: "192.0.2.1" }] } }),
	},
	{ what: "what was before cannot be kept", arrange: () => ({ dataDir: "/proc/no-such" }) },
];

const hostLocal = ({ dataDir }: World) => ({
	type: "host-local",
	dataDir,
	ranges: [[{ subnet: "10.5.0.0/24" }], [{ subnet: "fd05::/64" }]],
	routes: [{ dst: "10.9.0.0/16" }],
});

const perContainer = (containerId: string) => ({ device: containerId === "two" ? "cst-dev1" : "cst-dev0" });

pluginContract({
	type: "host-device",
	title: "with addresses",
	config: (world) => ({ ...config(world), ipam: hostLocal(world) }),
	perContainer,
	hasAddress: true,
	mutations: [...links, ...addresses],
	failures,
	kept,
});

pluginContract({
	type: "host-device",
	title: "without addresses",
	config,
	perContainer,
	hasAddress: false,
	mutations: links,
	kept,
});

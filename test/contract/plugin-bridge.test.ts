import { attemptIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { type Attached, type Failure, type Mutation, pluginContract } from "./plugin.ts";

const bridge = "cst-bridge";
const hostLocal = ({ dataDir }: World) => ({
	type: "host-local",
	dataDir,
	ranges: [[{ subnet: "10.20.0.0/24" }], [{ subnet: "fd20::/64" }]],
	routes: [{ dst: "0.0.0.0/0" }, { dst: "10.30.0.0/16", gw: "10.20.0.1" }],
});

/** As the reference leaves them: an empty base chain in a table that others may use. */
const spoofCheckBase = /^\+ nft (table bridge nat|chain bridge nat PREROUTING) /;

const port = ({ result }: Attached) => result.interfaces?.[1]?.name ?? "";

const links: readonly Mutation[] = [
	{
		what: "the container's interface is gone",
		change: ({ inside }) => inside("ip link del eth0"),
		named: /Cannot find container link eth0/,
	},
	{
		what: "the container's interface is down",
		change: ({ inside }) => inside("ip link set eth0 down"),
		named: /eth0 is down/,
	},
	{
		what: "the container's interface has another hardware address",
		change: ({ inside }) => inside("ip link set eth0 address 02:00:00:00:00:99"),
		named: /eth0 Mac .* doesn't match container Mac: 02:00:00:00:00:99/,
	},
	{
		what: "the port has left the bridge",
		change: (attached) => attached.host(`ip link set ${port(attached)} nomaster`),
		named: /was not found; .*is not a port of it any more/,
	},
	{
		what: "the port is down",
		change: (attached) => attached.host(`ip link set ${port(attached)} down`),
		named: /Interface veth\w+ is down/,
	},
	{
		what: "the bridge is gone",
		change: ({ host }) => host(`ip link del ${bridge}`),
		named: /Interface name cst-bridge not found/,
	},
	{ what: "the bridge is down", change: ({ host }) => host(`ip link set ${bridge} down`), named: /cst-bridge is down/ },
];

const addresses: readonly Mutation[] = [
	{
		what: "the container's address is gone",
		change: ({ inside, result }) => inside(`ip address del ${result.ips?.[0]?.address} dev eth0`),
		named: /10\.20\.0\.2/,
	},
	{
		what: "the container's IPv6 address is gone",
		change: ({ inside, result }) => inside(`ip address del ${result.ips?.[1]?.address} dev eth0`),
		named: /fd20::2/,
	},
	{
		what: "a route is gone",
		change: ({ inside }) => inside("ip route del 10.30.0.0/16"),
		named: /10\.30\.0\.0\/16/,
	},
	{
		what: "the default route is gone",
		change: ({ inside }) => inside("ip route del default"),
		named: /0\.0\.0\.0\/0|default/,
	},
	{
		what: "the reservation is gone",
		change: ({ host, world }) => host(`rm ${world.dataDir}/contract/10.20.0.2`),
		named: /host-local: Failed to find address/,
	},
];

const gateways: readonly Mutation[] = [
	{
		what: "the gateway's address is gone",
		change: ({ host }) => host(`ip address del 10.20.0.1/24 dev ${bridge}`),
		named: /Failed to match gateway addr 10\.20\.0\.1\/24 on interface cst-bridge/,
	},
	{
		what: "the host does not forward",
		change: ({ host }) => host("sysctl -q -w net.ipv4.ip_forward=0"),
		named: /IPv4 forwarding is off/,
	},
	{
		what: "the host does not forward IPv6",
		change: ({ host }) => host("sysctl -q -w net.ipv6.conf.all.forwarding=0"),
		named: /IPv6 forwarding is off/,
	},
];

const interfaceExists: Failure = {
	what: "the container has an interface of that name",
	arrange(_, container) {
		attemptIn(container, ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other"]);
		return {};
	},
};

const failures: readonly Failure[] = [
	interfaceExists,
	{
		what: "IPAM has no address left",
		arrange: ({ dataDir }) => ({ ipam: { type: "host-local", dataDir, subnet: "10.0.0.0/32" } }),
	},
	{
		what: "there is no such IPAM plugin",
		arrange: () => ({ ipam: { type: "no-such" } }),
	},
	{
		what: "the bridge has another address and may not lose it",
		arrange({ host }) {
			attemptIn(host, ["ip", "address", "flush", "dev", bridge]);
			attemptIn(host, ["ip", "address", "add", "10.20.0.77/24", "dev", bridge]);
			return { isGateway: true };
		},
	},
	{
		what: "a route leads nowhere",
		arrange: (world) => ({ ipam: { ...hostLocal(world), routes: [{ dst: "10.40.0.0/16", gw: "192.0.2.1" }] } }),
	},
	{
		what: "there is something else than a bridge of that name",
		arrange({ host }) {
			attemptIn(host, ["ip", "link", "add", "cst-other", "type", "veth", "peer", "name", "cst-peer"]);
			return { bridge: "cst-other" };
		},
	},
];

pluginContract({
	type: "bridge",
	title: "a gateway with addresses of both families",
	config: (world) => ({ bridge, isDefaultGateway: true, ipam: hostLocal(world) }),
	hasAddress: true,
	mutations: [...links, ...addresses, ...gateways],
	failures,
});

pluginContract({
	type: "bridge",
	title: "masquerade through nftables, spoof check, hairpin",
	config: (world) => ({
		bridge,
		isGateway: true,
		ipMasq: true,
		macspoofchk: true,
		hairpinMode: true,
		ipam: hostLocal(world),
	}),
	hasAddress: true,
	mutations: [
		...gateways,
		{
			what: "the masquerade's table is gone",
			change: ({ host }) => host("nft delete table inet cni_plugins_masquerade"),
			named: /masq/i,
		},
		{
			what: "the port's hairpin mode is off",
			change: (attached) => attached.host(`bridge link set dev ${port(attached)} hairpin off`),
			named: /hairpin mode off, and the configuration says on/,
		},
	],
	kept: [spoofCheckBase],
	failures,
});

pluginContract({
	type: "bridge",
	title: "layer 2 alone, with an MTU, isolated",
	config: () => ({ bridge, mtu: 1400, portIsolation: true, promiscMode: true }),
	hasAddress: false,
	mutations: [
		...links,
		{
			what: "the port has another MTU",
			change: (attached) => attached.host(`ip link set ${port(attached)} mtu 1300`),
			named: /MTU 1300, and the configuration says 1400/,
		},
		{
			what: "the port is not isolated any more",
			change: (attached) => attached.host(`bridge link set dev ${port(attached)} isolated off`),
			named: /port isolation off, and the configuration says on/,
		},
	],
	failures: [interfaceExists],
});

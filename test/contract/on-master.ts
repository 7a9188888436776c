import { attemptIn, runIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import type { Failure, Mutation } from "./plugin.ts";

/*
 * What macvlan, ipvlan and vlan have in common: an interface on top of a master, and addresses from host-local.
 */

export const dualStack = ({ dataDir }: World) => ({
	type: "host-local",
	dataDir,
	ranges: [[{ subnet: "10.20.0.0/24" }], [{ subnet: "fd20::/64" }]],
	routes: [{ dst: "0.0.0.0/0" }, { dst: "10.30.0.0/16", gw: "10.20.0.1" }],
});

/** Of the interface. */
export function linkMutations(kind: string): readonly Mutation[] {
	return [
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
			what: "the interface is of another kind",
			change({ container }) {
				attemptIn(container, ["ip", "link", "del", "eth0"]);
				runIn(container, "ip link add eth0 type veth peer name other".split(" "));
			},
			named: new RegExp(`Container interface eth0 not of type ${kind}`),
		},
		{
			what: "the master is gone",
			change: ({ host }) => host("ip link del card0"),
			named: /Cannot find container link eth0/,
		},
		{
			what: "the master has another name",
			change({ host }) {
				host("ip link set card0 down");
				host("ip link set card0 name card9");
				host("ip link set card9 up");
			},
			named: /failed to lookup master "card0": Link not found/,
		},
	];
}

export const macMutation: Mutation = {
	what: "the interface has another hardware address",
	change: ({ inside }) => inside("ip link set eth0 address 02:00:00:00:00:99"),
	named: /eth0 Mac .* doesn't match container Mac: 02:00:00:00:00:99/,
};

/** Of what `dualStack` gives. */
export const addressMutations: readonly Mutation[] = [
	{
		what: "the address is gone",
		change: ({ inside, result }) => inside(`ip address del ${result.ips?.[0]?.address} dev eth0`),
		named: /Failed to match addr 10\.20\.0\.2\/24 on interface eth0/,
	},
	{
		what: "the IPv6 address is gone",
		change: ({ inside, result }) => inside(`ip address del ${result.ips?.[1]?.address} dev eth0`),
		named: /Failed to match addr fd20::2\/64 on interface eth0/,
	},
	{
		what: "a route is gone",
		change: ({ inside }) => inside("ip route del 10.30.0.0/16"),
		named: /Expected Route 10\.30\.0\.0\/16/,
	},
	{
		what: "the reservation is gone",
		change: ({ host, world }) => host(`rm ${world.dataDir}/contract/10.20.0.2`),
		named: /host-local: Failed to find address/,
	},
];

export const failuresOnMaster: readonly Failure[] = [
	{
		what: "the container has an interface of that name",
		arrange(_, container) {
			runIn(container, "ip link add eth0 type veth peer name other".split(" "));
			return {};
		},
	},
	{ what: "there is no such master", arrange: () => ({ master: "no-such" }) },
	{ what: "the MTU is more than the master's", arrange: () => ({ mtu: 1501 }) },
	{
		what: "IPAM has no address left",
		arrange: ({ dataDir }) => ({ ipam: { type: "host-local", dataDir, subnet: "10.0.0.0/32" } }),
	},
	{ what: "there is no such IPAM plugin", arrange: () => ({ ipam: { type: "no-such" } }) },
	{
		what: "a route leads nowhere",
		arrange: (world) => ({ ipam: { ...dualStack(world), routes: [{ dst: "10.40.0.0/16", gw: "192.0.2.1" }] } }),
	},
];

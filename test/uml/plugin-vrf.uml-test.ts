import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Failure, type Mutation, pluginContract } from "../contract/plugin.ts";
import { attemptIn, type Namespace, runIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";

const made = new Set<string>();

/** In the form of every version; makes the interface of a new container. */
function prevResult(_: World, container: Namespace) {
	if (!made.has(container.name)) {
		const lines = [
			"ip link add eth0 type dummy",
			"ip address add 10.0.0.2/24 dev eth0",
			"ip address add fd00::2/64 dev eth0 nodad",
			"ip link set eth0 up",
			"ip route add 10.9.0.0/16 via 10.0.0.7",
		];
		runIn(container, ["sh", "-ec", lines.join("\n")]);
		made.add(container.name);
	}
	return {
		interfaces: [{ name: "eth0", sandbox: container.path }],
		ips: [{ address: "10.0.0.2/24", version: "4", interface: 0 }],
		ip4: { ip: "10.0.0.2/24" },
	};
}

const mutations: readonly Mutation[] = [
	{
		what: "the interface has left the VRF",
		change: ({ inside }) => inside("ip link set eth0 nomaster"),
		named: /failed to find eth0 associated to vrf blue/,
	},
	{ what: "the VRF is gone", change: ({ inside }) => inside("ip link del blue"), named: /VRF blue not found/ },
	{ what: "the VRF is down", change: ({ inside }) => inside("ip link set blue down"), named: /VRF blue is down/ },
	{
		what: "a route is gone",
		change: ({ inside }) => inside("ip route del 10.9.0.0/16 table 1"),
		named: /Expected Route 10\.9\.0\.0\/16 not found in table 1 of VRF blue/,
	},
	{
		what: "the IPv6 address is gone",
		change: ({ inside }) => inside("ip address del fd00::2/64 dev eth0"),
		named: /Failed to match addr fd00::2\/64 on interface eth0/,
	},
];

const failures: readonly Failure[] = [
	{ what: "it is not called behind another plugin", arrange: () => ({ prevResult: null }) },
	{ what: "the VRF has no name", arrange: () => ({ vrfname: "" }) },
	{ what: "the table is none", arrange: () => ({ table: -1 }) },
	{
		what: "the interface is in something else",
		arrange(_, container) {
			attemptIn(container, ["sh", "-ec", "ip link add br0 type bridge; ip link set eth0 master br0"]);
			return {};
		},
	},
	{
		what: "what was before cannot be kept",
		arrange(world) {
			mkdirSync(world.dataDir, { recursive: true });
			writeFileSync(join(world.dataDir, "no-directory"), "");
			return { dataDir: join(world.dataDir, "no-directory") };
		},
	},
];

pluginContract({
	type: "vrf",
	// Where leftovers are looked for.
	config: (world) => ({ vrfname: "blue", dataDir: join(world.dataDir, "vrf") }),
	prevResult,
	hasAddress: true,
	lean: true,
	mutations,
	failures,
});

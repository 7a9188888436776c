import { ensureMaster, masterLines } from "../support/master.ts";
import { attemptIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { addressMutations, dualStack, failuresOnMaster, linkMutations, macMutation } from "./on-master.ts";
import { type Mutation, pluginContract } from "./plugin.ts";

const master = (world: World) => ("host" in world ? ensureMaster(world) : "card0");

const otherMaster: Mutation = {
	what: "the interface is on another master",
	change({ world, container, result }) {
		const mac = result.interfaces?.[0]?.mac ?? "";
		ensureMaster(world, "card1");
		attemptIn(container, ["ip", "link", "del", "eth0"]);
		const add = `ip link add link card1 name eth0 netns ${container.name} address ${mac} type macvlan mode private`;
		attemptIn(world.host, add.split(" "));
		attemptIn(container, ["ip", "link", "set", "eth0", "up"]);
	},
	named: /Interface eth0 is on another master than "card0"; It is on "card1"/,
};

const ownMutations: readonly Mutation[] = [
	{
		what: "the mode is another",
		change: ({ inside }) => inside("ip link set eth0 type macvlan mode private"),
		named: /container macvlan mode private does not match expected value: bridge/,
	},
	{
		what: "the queue of broadcasts is another",
		change: ({ inside }) => inside("ip link set eth0 type macvlan bcqueuelen 77"),
		named: /bcqueuelen 77 does not match expected value: 500/,
	},
];

pluginContract({
	type: "macvlan",
	title: "addresses of both families",
	config: (world) => ({ master: master(world), bcqueuelen: 500, ipam: dualStack(world) }),
	hasAddress: true,
	mutations: [...linkMutations("macvlan"), macMutation, ...addressMutations, ...ownMutations],
	failures: [
		...failuresOnMaster,
		{ what: "the mode is unknown", arrange: () => ({ mode: "bridged" }) },
		{ what: "the hardware address is none", arrange: () => ({ mac: "02:00:00:00:00" }) },
		{
			what: "the master is taken by another kind",
			arrange(world) {
				attemptIn(world.host, "ip link add cst-bridge type bridge".split(" "));
				attemptIn(world.host, "ip link set card0 master cst-bridge".split(" "));
				return {};
			},
		},
	],
	kept: masterLines,
});

pluginContract({
	type: "macvlan",
	title: "layer 2 alone",
	config: (world) => ({ master: master(world), mtu: 1400, mode: "private" }),
	hasAddress: false,
	mutations: [...linkMutations("macvlan"), macMutation, otherMaster],
	failures: failuresOnMaster.slice(0, 2),
	kept: masterLines,
});

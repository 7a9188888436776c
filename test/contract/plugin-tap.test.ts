import { attemptIn, runIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { type Failure, type Mutation, pluginContract } from "./plugin.ts";

const hostLocal = ({ dataDir }: World) => ({
	type: "host-local",
	dataDir,
	ranges: [[{ subnet: "10.40.0.0/24" }], [{ subnet: "fd40::/64" }]],
	routes: [{ dst: "0.0.0.0/0" }, { dst: "10.41.0.0/16", gw: "10.40.0.1" }],
});

/** Another device in the place of the attachment's, with its hardware address. */
function replaced(words: string, named: RegExp): Mutation {
	return {
		what: `there is another device: ${words}`,
		change({ inside, result, container }) {
			inside("ip link del eth0");
			runIn(container, ["ip", "tuntap", "add", "name", "eth0", ...words.split(" ")]);
			inside(`ip link set eth0 address ${result.interfaces?.[0]?.mac} up`);
		},
		named,
	};
}

const links: readonly Mutation[] = [
	{
		what: "the device is gone",
		change: ({ inside }) => inside("ip link del eth0"),
		named: /Cannot find container link eth0/,
	},
	{
		what: "the device is down",
		change: ({ inside }) => inside("ip link set eth0 down"),
		named: /Interface eth0 is down/,
	},
	{
		what: "the device has another hardware address",
		change: ({ inside }) => inside("ip link set eth0 address 02:00:00:00:00:99"),
		named: /eth0 Mac .* doesn't match container Mac: 02:00:00:00:00:99/,
	},
];

const interfaceExists: Failure = {
	what: "the container has an interface of that name",
	arrange(_, container) {
		attemptIn(container, ["ip", "tuntap", "add", "mode", "tap", "name", "eth0"]);
		return {};
	},
};

pluginContract({
	type: "tap",
	title: "with addresses",
	config: (world) => ({ mtu: 1400, mac: "02:00:00:00:00:40", ipam: hostLocal(world) }),
	hasAddress: true,
	mutations: [
		...links,
		{
			what: "an address is gone",
			change: ({ inside }) => inside("ip address del fd40::2/64 dev eth0"),
			named: /Failed to match addr fd40::2\/64/,
		},
		{
			what: "a route is gone",
			change: ({ inside }) => inside("ip route del 10.41.0.0/16"),
			named: /10\.41\.0\.0\/16/,
		},
	],
	failures: [
		interfaceExists,
		{ what: "the hardware address is none", arrange: () => ({ mac: "02:00" }) },
		{ what: "the MTU is more than the kernel's", arrange: () => ({ mtu: 1_000_000 }) },
		{ what: "there is no such bridge", arrange: () => ({ bridge: "no-such" }) },
		{
			what: "a route leads nowhere",
			arrange: (world) => ({ ipam: { ...hostLocal(world), routes: [{ dst: "10.42.0.0/16", gw: "192.0.2.1" }] } }),
		},
		{ what: "SELinux knows no such label", arrange: () => ({ selinuxContext: "no:such:label" }) },
	],
});

pluginContract({
	type: "tap",
	title: "layer 2 alone, with owner, group and several queues",
	config: () => ({ owner: 1000, group: 1001, multiQueue: true }),
	hasAddress: false,
	mutations: [
		...links,
		replaced("mode tap user 1001 group 1001 multi_queue", /owner 1001, and the configuration says 1000/),
		replaced("mode tap user 1000 multi_queue", /group none, and the configuration says 1001/),
		replaced("mode tap user 1000 group 1001", /multi-queue false, and the configuration says true/),
	],
	failures: [interfaceExists, { what: "the owner is none", arrange: () => ({ owner: -1 }) }],
});

import { attemptIn } from "../support/namespace.ts";
import { pluginContract } from "./plugin.ts";

pluginContract({
	type: "loopback",
	config: () => ({}),
	hasAddress: true,
	repeatable: true,
	mutations: [
		{
			what: "the interface is down",
			change: ({ inside }) => inside("ip link set lo down"),
			named: /is down.*set lo up/,
		},
		{
			what: "it has a foreign address",
			change: ({ inside }) => inside("ip address add 10.9.9.9/32 dev lo"),
			named: /non-loopback address "10\.9\.9\.9"/,
		},
	],
	failures: [
		{
			what: "the namespace has a foreign address on lo",
			arrange(_, container) {
				attemptIn(container, ["ip", "address", "add", "10.9.9.9/32", "dev", "lo"]);
				return {};
			},
		},
	],
});

import { describe } from "@jest/globals";
import { besideRunning } from "../crash/beside-running.ts";
import { crashTests } from "../crash/crash-tests.ts";
import { ensureMaster } from "../support/master.ts";

/**
 * The master has the name that the container's interface gets: on this kernel, which wants names to be free in both
 * namespaces, the interface has a temporary one for a moment. Killed only where links, addresses and routes change; the
 * rest of what these plugins do is that of macvlan (test/crash/macvlan.crash.test.ts).
 */
describe.each([
	["vlan", { vlanId: 33 }, { vlanId: 34 }],
	["ipvlan", {}, {}],
])("%s beside a running container", (type, own, running) => {
	crashTests(
		(world) => {
			const master = ensureMaster(world, "eth0");
			const subnets = ["10.60.0.0/24", "fd60::/64"];
			return besideRunning(world, { type, keys: { master, ...own }, runningKeys: { master, ...running }, subnets });
		},
		{
			kills: [["ADD", "DEL"]],
			// Requests that change something want to be acknowledged.
			only: ({ text }) => text.includes("NLM_F_ACK"),
			failing: false,
			atLeast: 4,
		},
	);
});

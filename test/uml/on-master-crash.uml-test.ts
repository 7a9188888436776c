import { describe, it } from "@jest/globals";
import { expectNothingLeft, expectRestored } from "../crash/on-master-scenario.ts";
import { createWorld } from "../support/world.ts";

const minutes = 60_000;

/**
 * The master has the name that the container's interface gets: on this kernel, which wants names to be free in both
 * namespaces, the interface has a temporary one for a moment. The rest of what these plugins do is that of macvlan
 * (test/crash/macvlan.crash.test.ts).
 */
describe.each([
	["vlan", { vlanId: 33 }, { vlanId: 34 }],
	["ipvlan", {}, {}],
])("%s", (type, config, running) => {
	it(
		"ADD killed anywhere: DEL restores the earlier state",
		() => {
			using world = createWorld();
			expectRestored(world, { type, config, running, master: "eth0", killed: "ADD", by: "DEL" });
		},
		5 * minutes,
	);

	if (type === "vlan") {
		it(
			"ADD that fails anywhere leaves nothing",
			() => {
				using world = createWorld();
				expectNothingLeft(world, { type, config, running, master: "eth0" });
			},
			5 * minutes,
		);
	}
});

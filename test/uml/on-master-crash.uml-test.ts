import { describe, it } from "@jest/globals";
import { expectRestored } from "../crash/on-master-scenario.ts";
import { createWorld } from "../support/world.ts";

/**
 * The master has the name that the container's interface gets: on this kernel, which wants names to be free in both
 * namespaces, the interface has a temporary one for a moment. Killed only where links, addresses and routes change; the
 * rest of what these plugins do is that of macvlan (test/crash/macvlan.crash.test.ts).
 */
describe.each([
	["vlan", { vlanId: 33 }, { vlanId: 34 }],
	["ipvlan", {}, {}],
])("%s", (type, config, running) => {
	it("ADD killed around any request to the kernel: DEL restores the earlier state", () => {
		using world = createWorld();
		expectRestored(world, {
			type,
			config,
			running,
			master: "eth0",
			killed: "ADD",
			by: "DEL",
			// Requests that change something want to be acknowledged.
			only: ({ text }) => text.includes("NLM_F_ACK"),
			atLeast: 4,
		});
	}, 240_000);
});

import { describe, expect, it } from "@jest/globals";
import { runPlugin } from "../support/run-plugin.ts";
import { createWorld } from "../support/world.ts";

// What needs dummy interfaces runs in User-Mode Linux: test/uml/dummy.uml-test.ts.
describe("dummy", () => {
	it.each(["ADD", "CHECK", "STATUS"] as const)("%s without ipam is refused before anything is looked at", (command) => {
		using world = createWorld();
		const config = { cniVersion: "1.1.0", name: "n1", type: "dummy" };
		const { error } = runPlugin({ world, type: "dummy", command, config, netns: "/var/run/netns/test" });
		expect(error?.msg).toBe("dummy interface requires an IPAM configuration");
	});
});

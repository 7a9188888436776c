import { describe, expect, it } from "@jest/globals";
import { inContainerScenario } from "../crash/in-container-scenario.ts";
import { killEverywhere } from "../crash/kill-everywhere.ts";
import { createWorld } from "../support/world.ts";

describe("dummy beside a running container", () => {
	it("ADD killed anywhere: DEL restores the earlier state", () => {
		using world = createWorld();
		const { call, recover, verify } = inContainerScenario(world, { type: "dummy" });
		const report = killEverywhere({ call: { ...call, command: "ADD" }, prepare() {}, recover, verify });
		expect(report.wrong).toEqual([]);
		// A kill that hits nothing proves nothing.
		expect(report.killed).toBeGreaterThan(5);
		expect(report.survived.slice(report.killed / 10)).toEqual([]);
	}, 240_000);
});

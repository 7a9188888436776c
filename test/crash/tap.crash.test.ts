import { describe, expect, it } from "@jest/globals";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { createWorld } from "../support/world.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { inContainerScenario } from "./in-container-scenario.ts";
import { killEverywhere } from "./kill-everywhere.ts";

const tap = { type: "tap", extra: { owner: 1000, group: 1000, mac: "02:00:00:00:00:43", mtu: 1400 } };

describe("tap beside a running container", () => {
	it.each(["ADD", "DEL"] as const)(
		"%s killed anywhere: DEL restores the earlier state",
		(killed) => {
			using world = createWorld();
			const { call, recover, verify } = inContainerScenario(world, tap);
			const report = killEverywhere({
				call: { ...call, command: killed },
				prepare() {
					if (killed === "DEL") mustRunPlugin({ ...call, command: "ADD" });
				},
				recover,
				verify,
			});
			expect(report.wrong).toEqual([]);
			// A kill that hits nothing proves nothing.
			expect(report.killed).toBeGreaterThan(5);
			expect(report.survived.slice(report.killed / 10)).toEqual([]);
		},
		300_000,
	);

	it("ADD that fails anywhere leaves nothing", () => {
		using world = createWorld();
		const { call, recover, verify } = inContainerScenario(world, tap);
		const report = failEverywhere({ call: { ...call, command: "ADD" }, prepare() {}, recover, verify });
		expect(report.wrong).toEqual([]);
		expect(report.failed).toBeGreaterThan(5);
	}, 300_000);
});

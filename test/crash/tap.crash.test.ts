import { describe, expect, it } from "@jest/globals";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { advisory, leftoversIn } from "./bridge-scenario.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { killEverywhere } from "./kill-everywhere.ts";

function scenario(world: World) {
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "tap",
		owner: 1000,
		group: 1000,
		mac: "02:00:00:00:00:43",
		mtu: 1400,
		ipam: { type: "host-local", dataDir: world.dataDir, ranges: [[{ subnet: "10.43.0.0/24" }]] },
	};
	mustRunPlugin({ world, type: "tap", command: "ADD", config, netns: world.container(), containerId: "running" });
	const container = world.container();
	const call = { world, type: "tap", config, netns: container, containerId: "killed" };
	const [since, empty] = [snapshotOf(world), takeSnapshot(container)];
	return {
		call,
		recover: () => mustRunPlugin({ ...call, command: "DEL" }),
		verify: () => [...leftovers(world, { since, except: advisory }), ...leftoversIn(container, empty)],
	};
}

describe("tap beside a running container", () => {
	it.each(["ADD", "DEL"] as const)(
		"%s killed anywhere: DEL restores the earlier state",
		(killed) => {
			using world = createWorld();
			const { call, recover, verify } = scenario(world);
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
		const { call, recover, verify } = scenario(world);
		const report = failEverywhere({ call: { ...call, command: "ADD" }, prepare() {}, recover, verify });
		expect(report.wrong).toEqual([]);
		expect(report.failed).toBeGreaterThan(5);
	}, 300_000);
});

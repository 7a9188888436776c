import { describe, expect, it } from "@jest/globals";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { createWorld, leftovers, snapshotOf } from "../support/world.ts";
import { advisory, attachment, keptByNetwork, leftoversIn, removeNetwork } from "./bridge-scenario.ts";
import { type FailReport, failEverywhere } from "./fail-everywhere.ts";

const minutes = 60_000;

describe.each([
	["bridge with host-local", {}],
	["bridge with host-local and ipMasq", { ipMasq: true }],
	["bridge with host-local and macspoofchk", { macspoofchk: true }],
])("%s", (_title, extra) => {
	it(
		"ADD that fails anywhere beside a running container leaves nothing",
		() => {
			using world = createWorld();
			const container = world.container();
			const running = attachment(world, { extra, container: world.container(), containerId: "running" });
			const call = attachment(world, { extra, container, containerId: "failing" });
			mustRunPlugin({ ...running, command: "ADD" });
			const since = snapshotOf(world);
			const empty = takeSnapshot(container);
			const report = failEverywhere({
				call: { ...call, command: "ADD" },
				prepare() {},
				recover: () => mustRunPlugin({ ...call, command: "DEL" }),
				verify: () => [...leftovers(world, { since, except: advisory }), ...leftoversIn(container, empty)],
			});
			expectClean(report);
		},
		5 * minutes,
	);

	it(
		"ADD that fails anywhere on a host that has nothing yet leaves only what the network keeps",
		() => {
			using world = createWorld();
			const container = world.container();
			const call = attachment(world, { extra, container, containerId: "failing" });
			const empty = takeSnapshot(container);
			const report = failEverywhere({
				call: { ...call, command: "ADD" },
				prepare: () => removeNetwork(world),
				recover: () => mustRunPlugin({ ...call, command: "DEL" }),
				verify: () => [
					...leftovers(world, { except: [...keptByNetwork, ...advisory] }),
					...leftoversIn(container, empty),
				],
			});
			expectClean(report);
		},
		5 * minutes,
	);
});

function expectClean(report: FailReport): void {
	expect(report.wrong).toEqual([]);
	// Errors that nothing notices prove nothing.
	expect(report.failed).toBeGreaterThan(10);
}

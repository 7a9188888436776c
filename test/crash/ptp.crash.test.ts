import { describe, expect, it } from "@jest/globals";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { advisory, leftoversIn } from "./bridge-scenario.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { killEverywhere } from "./kill-everywhere.ts";

/** A running container, and the call that is disturbed. */
function scenario(world: World) {
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "ptp",
		ipMasq: true,
		ipam: { type: "host-local", dataDir: world.dataDir, ranges: [[{ subnet: "10.61.0.0/24" }]] },
	};
	mustRunPlugin({ world, type: "ptp", command: "ADD", config, netns: world.container(), containerId: "running" });
	const container = world.container();
	const call = { world, type: "ptp", config, netns: container, containerId: "killed" };
	const [since, empty] = [snapshotOf(world), takeSnapshot(container)];
	const validAttachments = [{ containerID: "running", ifname: "eth0" }];
	const gcConfig = { ...config, "cni.dev/valid-attachments": validAttachments };
	return {
		call,
		recover: {
			DEL: () => mustRunPlugin({ ...call, command: "DEL" }),
			GC: () => mustRunPlugin({ world, type: "ptp", command: "GC", config: gcConfig }),
		},
		verify: () => [...leftovers(world, { since, except: advisory }), ...leftoversIn(container, empty)],
	};
}

describe("ptp beside a running container", () => {
	it.each([
		["ADD", "DEL"],
		["DEL", "GC"],
	] as const)(
		"%s killed anywhere: %s restores the earlier state",
		(killed, by) => {
			using world = createWorld();
			const { call, recover, verify } = scenario(world);
			const report = killEverywhere({
				call: { ...call, command: killed },
				prepare() {
					if (killed === "DEL") mustRunPlugin({ ...call, command: "ADD" });
				},
				recover: recover[by],
				verify,
			});
			expect(report.wrong).toEqual([]);
			// A kill that hits nothing proves nothing.
			expect(report.killed).toBeGreaterThan(10);
			expect(report.survived.slice(report.killed / 10)).toEqual([]);
		},
		300_000,
	);

	it("ADD that fails anywhere leaves nothing", () => {
		using world = createWorld();
		const { call, recover, verify } = scenario(world);
		const report = failEverywhere({ call: { ...call, command: "ADD" }, prepare() {}, recover: recover.DEL, verify });
		expect(report.wrong).toEqual([]);
		expect(report.failed).toBeGreaterThan(10);
	}, 300_000);
});

import { describe, expect, it } from "@jest/globals";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { createWorld, leftovers, snapshotOf } from "../support/world.ts";
import { advisory, attachment, keptByNetwork, leftoversIn, removeNetwork } from "./bridge-scenario.ts";
import { killEverywhere } from "./kill-everywhere.ts";

const minutes = 60_000;

describe.each([
	["bridge with host-local", {}],
	["bridge with host-local and ipMasq", { ipMasq: true }],
	["bridge with host-local and ipMasq through iptables", { ipMasq: true, ipMasqBackend: "iptables" }],
])("%s", (_title, extra) => {
	describe("beside a running container", () => {
		it(
			"ADD killed anywhere: DEL restores the earlier state",
			() => expectRestored({ extra, killed: "ADD", by: "DEL" }),
			5 * minutes,
		);
		it(
			"ADD killed anywhere: GC restores the earlier state",
			() => expectRestored({ extra, killed: "ADD", by: "GC" }),
			5 * minutes,
		);
		it(
			"DEL killed anywhere: DEL restores the earlier state",
			() => expectRestored({ extra, killed: "DEL", by: "DEL" }),
			5 * minutes,
		);
		it(
			"DEL killed anywhere: GC restores the earlier state",
			() => expectRestored({ extra, killed: "DEL", by: "GC" }),
			5 * minutes,
		);
	});

	it(
		"ADD killed anywhere on a host that has nothing yet: DEL leaves what the network keeps",
		() => {
			using world = createWorld();
			const container = world.container();
			const call = attachment(world, { extra, container, containerId: "killed" });
			const empty = takeSnapshot(container);
			const report = killEverywhere({
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

interface Scenario {
	readonly extra: object;
	readonly killed: "ADD" | "DEL";
	readonly by: "DEL" | "GC";
}

function expectRestored({ extra, killed, by }: Scenario): void {
	using world = createWorld();
	const container = world.container();
	const running = attachment(world, { extra, container: world.container(), containerId: "running" });
	const call = attachment(world, { extra, container, containerId: "killed" });
	mustRunPlugin({ ...running, command: "ADD" });
	const since = snapshotOf(world);
	const empty = takeSnapshot(container);

	const validAttachments = [{ containerID: "running", ifname: "eth0" }];
	const gcConfig = { ...call.config, "cni.dev/valid-attachments": validAttachments };
	const report = killEverywhere({
		call: { ...call, command: killed },
		prepare() {
			if (killed === "DEL") mustRunPlugin({ ...call, command: "ADD" });
		},
		recover() {
			if (by === "DEL") mustRunPlugin({ ...call, command: "DEL" });
			else mustRunPlugin({ world, type: call.type, command: "GC", config: gcConfig });
		},
		verify: () => [...leftovers(world, { since, except: advisory }), ...leftoversIn(container, empty)],
	});
	expectClean(report);
}

function expectClean(report: ReturnType<typeof killEverywhere>): void {
	expect(report.wrong).toEqual([]);
	// A kill that hits nothing proves nothing.
	expect(report.killed).toBeGreaterThan(10);
	expect(report.survived.slice(report.killed / 10)).toEqual([]);
}

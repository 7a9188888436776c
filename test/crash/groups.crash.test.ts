import { describe, expect, it } from "@jest/globals";
import { attachByHand } from "../support/chained.ts";
import { groupsBase } from "../support/groups-base.ts";
import { mustRunPlugin, type PluginCall } from "../support/run-plugin.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { killEverywhere } from "./kill-everywhere.ts";

const minutes = 60_000;

function groupsCall(
	world: World,
	containerId: string,
	number: number,
): Omit<PluginCall, "command" | "config"> & { config: object } {
	const netns = world.container();
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "groups",
		groups: ["a", containerId],
		prevResult: attachByHand(world, netns, { number }),
	};
	return { world, type: "groups", config, netns, containerId };
}

function scenario(world: World, { beside = true } = {}) {
	const running = groupsCall(world, "running", 2);
	const call = groupsCall(world, "killed", 3);
	if (beside) mustRunPlugin({ ...running, command: "ADD" });
	const since = snapshotOf(world);
	// A link-local address comes a moment after its interface.
	const verify = () => leftovers(world, { since, except: [...groupsBase, /^[+-] address fe80:/] });
	const validAttachments = beside ? [{ containerID: "running", ifname: "eth0" }] : [];
	const gcConfig = { ...call.config, "cni.dev/valid-attachments": validAttachments };
	const recover = {
		DEL: () => mustRunPlugin({ ...call, command: "DEL" }),
		GC: () => mustRunPlugin({ world, type: call.type, command: "GC", config: gcConfig }),
	};
	const checkRunning = () => (beside ? mustRunPlugin({ ...running, command: "CHECK" }) : undefined);
	return { call, verify, recover, checkRunning };
}

describe("groups", () => {
	it.each([
		["ADD", "DEL", true],
		["ADD", "GC", true],
		["ADD", "DEL", false],
		["DEL", "DEL", true],
		["DEL", "GC", false],
	] as const)(
		"%s killed anywhere: %s restores the earlier state, beside another: %s",
		(killed, by, beside) => {
			using world = createWorld();
			const { call, verify, recover, checkRunning } = scenario(world, { beside });
			const report = killEverywhere({
				call: { ...call, command: killed },
				prepare() {
					if (killed === "DEL") mustRunPlugin({ ...call, command: "ADD" });
				},
				recover: recover[by],
				verify,
			});
			expect(report.wrong).toEqual([]);
			expect(report.killed).toBeGreaterThan(3);
			checkRunning();
		},
		5 * minutes,
	);

	it(
		"ADD that fails anywhere leaves nothing",
		() => {
			using world = createWorld();
			const { call, verify, recover, checkRunning } = scenario(world);
			const report = failEverywhere({
				call: { ...call, command: "ADD" },
				prepare() {},
				recover: recover.DEL,
				verify,
			});
			expect(report.wrong).toEqual([]);
			checkRunning();
		},
		5 * minutes,
	);
});

import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { mustRunPlugin, type PluginCall } from "../support/run-plugin.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { advisory, leftoversIn } from "./bridge-scenario.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { killEverywhere } from "./kill-everywhere.ts";

const minutes = 60_000;

/** The chain's directory stays, and a file that is not yet complete says nothing to anybody. */
const kept = [...advisory, /^\+ directory \.state(\/chain(\/n1)?)?$/];

/** The call of a chain on the network n1, all but the command; it keeps its results where leftovers are looked for. */
function chainCall(world: World, containerId: string): Omit<PluginCall, "command" | "config"> & { config: object } {
	const ipam = { type: "host-local", dataDir: world.dataDir, ranges: [[{ subnet: "10.61.0.0/24" }]] };
	const plugins = [{ type: "bridge", bridge: "br0", isGateway: true, ipMasq: true, ipam }];
	const config = { cniVersion: "1.1.0", name: "n1", type: "chain", stateDir: join(world.dataDir, ".state"), plugins };
	return { world, type: "chain", config, netns: world.container(), containerId };
}

function scenario(world: World) {
	const running = chainCall(world, "running");
	const call = chainCall(world, "killed");
	mustRunPlugin({ ...running, command: "ADD" });
	const since = snapshotOf(world);
	const { netns } = call;
	if (typeof netns !== "object") throw new Error("no container");
	const empty = takeSnapshot(netns);
	const verify = () => [...leftovers(world, { since, except: kept }), ...leftoversIn(netns, empty)];
	const validAttachments = [{ containerID: "running", ifname: "eth0" }];
	const gcConfig = { ...call.config, "cni.dev/valid-attachments": validAttachments };
	const recover = {
		DEL: () => mustRunPlugin({ ...call, command: "DEL" }),
		GC: () => mustRunPlugin({ world, type: call.type, command: "GC", config: gcConfig }),
	};
	return { call, verify, recover };
}

describe("a chain of bridge with host-local", () => {
	it.each([
		["ADD", "DEL"],
		["ADD", "GC"],
		["DEL", "DEL"],
		["DEL", "GC"],
	] as const)(
		"%s killed anywhere: %s restores the earlier state",
		(killed, by) => {
			using world = createWorld();
			const { call, verify, recover } = scenario(world);
			const report = killEverywhere({
				call: { ...call, command: killed },
				prepare() {
					if (killed === "DEL") mustRunPlugin({ ...call, command: "ADD" });
				},
				recover: recover[by],
				verify,
			});
			expect(report.wrong).toEqual([]);
			expect(report.killed).toBeGreaterThan(10);
			expect(report.survived).toBeLessThanOrEqual(report.killed / 10);
		},
		5 * minutes,
	);

	it(
		"ADD that fails anywhere leaves nothing",
		() => {
			using world = createWorld();
			const { call, verify, recover } = scenario(world);
			const report = failEverywhere({
				call: { ...call, command: "ADD" },
				prepare() {},
				recover: recover.DEL,
				verify,
			});
			expect(report.wrong).toEqual([]);
			expect(report.failed).toBeGreaterThan(10);
		},
		5 * minutes,
	);
});

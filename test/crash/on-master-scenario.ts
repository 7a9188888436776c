import { expect } from "@jest/globals";
import { ensureMaster } from "../support/master.ts";
import { deleteNamespace, runIn } from "../support/namespace.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { leftovers, snapshotOf, type World } from "../support/world.ts";
import { advisory, leftoversIn } from "./bridge-scenario.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { type KillEverywhere, killEverywhere } from "./kill-everywhere.ts";

/** A plugin with an interface on top of a master, beside a running container: what is killed, and who recovers. */
export interface OnMasterScenario {
	readonly type: string;
	/** Keys of the configuration. */
	readonly config?: object;
	/** Those of the running container, where they differ. */
	readonly running?: object;
	/** Name of the master; by default `card0`. */
	readonly master?: string;
}

function scenario(world: World, { type, config: own = {}, running = own, master }: OnMasterScenario) {
	const container = world.container();
	const ipam = {
		type: "host-local",
		dataDir: world.dataDir,
		ranges: [[{ subnet: "10.60.0.0/24" }], [{ subnet: "fd60::/64" }]],
	};
	const config = { cniVersion: "1.1.0", name: "n1", type, master: ensureMaster(world, master), ipam, ...own };
	const call = { world, type, config, netns: container, containerId: "killed" };
	const beside = { ...call, netns: world.container(), containerId: "running", config: { ...config, ...running } };
	mustRunPlugin({ ...beside, command: "ADD" });
	const since = snapshotOf(world);
	const empty = takeSnapshot(container);
	return {
		call,
		verify: () => [...leftovers(world, { since, except: advisory }), ...leftoversIn(container, empty)],
		recover: {
			DEL: () => mustRunPlugin({ ...call, command: "DEL" }),
			/** As when the container has ended: its interface ends with its namespace. */
			GC() {
				const { name } = container;
				deleteNamespace(container);
				const valid = [{ containerID: "running", ifname: "eth0" }];
				mustRunPlugin({ world, type, command: "GC", config: { ...config, "cni.dev/valid-attachments": valid } });
				runIn(world.host, ["ip", "netns", "add", name]);
				runIn(container, ["ip", "link", "set", "lo", "up"]);
			},
		},
	};
}

export interface CrashScenario extends OnMasterScenario, Pick<KillEverywhere, "only"> {
	readonly killed: "ADD" | "DEL";
	readonly by: "DEL" | "GC";
	/** So many places there must be. */
	readonly atLeast?: number;
}

/** Kills the verb everywhere; DEL, or GC after the container's end, restores what was before. */
export function expectRestored(
	world: World,
	{ killed, by, atLeast = killed === "ADD" ? 10 : 5, only, ...given }: CrashScenario,
): void {
	const { call, verify, recover } = scenario(world, given);
	const report = killEverywhere({
		call: { ...call, command: killed },
		...(only === undefined ? {} : { only }),
		prepare() {
			if (killed === "DEL") mustRunPlugin({ ...call, command: "ADD" });
		},
		recover: recover[by],
		verify,
	});
	expect(report.wrong).toEqual([]);
	// A kill that hits nothing proves nothing.
	expect(report.killed).toBeGreaterThanOrEqual(atLeast);
	expect(report.survived.slice(report.killed / 10)).toEqual([]);
}

/** Lets each call of ADD fail; it leaves nothing. */
export function expectNothingLeft(world: World, given: OnMasterScenario): void {
	const { call, verify, recover } = scenario(world, given);
	const report = failEverywhere({ call: { ...call, command: "ADD" }, prepare() {}, recover: recover.DEL, verify });
	expect(report.wrong).toEqual([]);
	expect(report.failed).toBeGreaterThan(10);
}

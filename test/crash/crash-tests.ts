import { expect, it } from "@jest/globals";
import type { Namespace } from "../support/namespace.ts";
import { mustRunPlugin, type PluginCall } from "../support/run-plugin.ts";
import { differences, takeSnapshot } from "../support/snapshot.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { type CutPoint, killEverywhere } from "./kill-everywhere.ts";

/** What a test file makes in a world: a call that will be disturbed, and how to tell that nothing came of it. */
export interface Scenario {
	readonly call: DisturbedCall;
	/** What is not as it was before the call, a line each. */
	readonly verify: () => string[];
	/** Containers that run beside it, which GC is told to spare: their ids. By default there is none. */
	readonly running?: readonly string[];
	/** Makes, before each ADD, the state that it is called in: takes away what the plugin keeps beyond DEL. */
	readonly arrange?: () => void;
	/** Runs GC after what comes before it on a host, such as the end of the container. */
	readonly collect?: (gc: () => void) => void;
	/** The configuration of the DEL that follows an ADD; by default that of ADD. */
	readonly delConfig?: object;
	/** Called when all is over. */
	readonly finish?: () => void;
}

/** A call, all but the command. */
export type DisturbedCall = Omit<PluginCall, "command" | "config"> & { readonly config: object };

/** A verb that is killed, and the one that has to restore the earlier state. */
export type Kill = readonly [killed: "ADD" | "DEL", by: "DEL" | "GC"];

export const allKills: readonly Kill[] = [
	["ADD", "DEL"],
	["ADD", "GC"],
	["DEL", "DEL"],
	["DEL", "GC"],
];

export interface CrashTests {
	/** By default all four. */
	readonly kills?: readonly Kill[];
	/** Which places of a kill count; by default all. */
	readonly only?: (cut: CutPoint) => boolean;
	/** Whether ADD is also held to leave nothing when a call of it fails. By default it is. */
	readonly failing?: boolean;
	/** So many kills and errors at least must hit something: those that do not prove nothing. */
	readonly atLeast: number;
}

const timeoutMs = 300_000;

/** Makes a test of each kill, and one of an ADD whose calls fail one after the other. */
export function crashTests(
	setUp: (world: World) => Scenario,
	{ kills = allKills, only, failing = true, atLeast }: CrashTests,
): void {
	if (kills.length > 0) {
		it.each(kills)(
			"%s killed anywhere: %s restores the earlier state",
			(killed, by) => {
				using world = createWorld();
				const { call, verify, arrange, finish, ...scenario } = setUp(world);
				const report = killEverywhere({
					call: { ...call, command: killed },
					...(only === undefined ? {} : { only }),
					prepare() {
						if (killed === "DEL") mustRunPlugin({ ...call, command: "ADD" });
						else arrange?.();
					},
					recover: by === "DEL" ? () => del({ call, ...scenario }) : () => collect({ call, ...scenario }),
					verify,
				});
				expect(report.wrong).toEqual([]);
				expect(report.killed).toBeGreaterThanOrEqual(atLeast);
				expect(report.survived.slice(report.killed / 10)).toEqual([]);
				finish?.();
			},
			timeoutMs,
		);
	}

	if (failing) {
		it(
			"ADD that fails anywhere leaves nothing",
			() => {
				using world = createWorld();
				const { call, verify, arrange, finish, ...scenario } = setUp(world);
				const report = failEverywhere({
					call: { ...call, command: "ADD" },
					prepare: () => arrange?.(),
					recover: () => del({ call, ...scenario }),
					verify,
				});
				expect(report.wrong).toEqual([]);
				expect(report.failed).toBeGreaterThanOrEqual(atLeast);
				finish?.();
			},
			timeoutMs,
		);
	}
}

type Recovered = Pick<Scenario, "call" | "running" | "collect" | "delConfig">;

function del({ call, delConfig = call.config }: Recovered): void {
	mustRunPlugin({ ...call, command: "DEL", config: delConfig });
}

function collect({ call: { netns: _, ...call }, running = [], collect = (gc) => gc() }: Recovered): void {
	const valid = running.map((containerID) => ({ containerID, ifname: "eth0" }));
	const config = { ...call.config, "cni.dev/valid-attachments": valid };
	collect(() => mustRunPlugin({ ...call, command: "GC", config }));
}

export interface Unchanged {
	/** Looked into as well. */
	readonly container?: Namespace;
	/** Differences on the host that may be, as patterns over `+ …` and `- …`. */
	readonly except?: readonly RegExp[];
	/** The same in the container. */
	readonly exceptInside?: readonly RegExp[];
}

/** A `verify` over the host and the container, which are from now on to stay as they are. */
export function unchanged(world: World, { container, except = [], exceptInside = [] }: Unchanged = {}): () => string[] {
	const since = snapshotOf(world);
	const inside = container && takeSnapshot(container);
	return () => {
		const changed = container && inside ? differences(inside, takeSnapshot(container)) : [];
		return [
			...leftovers(world, { since, except }),
			...changed
				.filter((line) => !exceptInside.some((pattern) => pattern.test(line)))
				.map((line) => `in the container: ${line}`),
		];
	};
}

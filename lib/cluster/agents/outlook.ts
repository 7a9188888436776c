import type { AgentSource, Sighting } from "../agent-source.ts";

/** What all sources together say of an agent. */
export type Verdict = Pick<Sighting, "state" | "reason" | "bySign">;

/** What sources have told, as it stands. */
export interface Outlook {
	hear(source: AgentSource, sightings: readonly Sighting[]): void;
	/** What the source has told of these counts no more. */
	forget(source: AgentSource, agents: readonly string[]): void;
	/** Undefined for an agent that nobody has told of. */
	of(agent: string): Verdict | undefined;
	agents(): ReadonlySet<string>;
	/** Whether all sources know how things are, so that what they do not say is not so. */
	isCurrent(): boolean;
}

/**
 * An agent is there as long as one source says so: who has lost sight of it may be the one that is cut off. Else the
 * strongest word counts.
 */
export function createOutlook(sources: readonly AgentSource[]): Outlook {
	const told = new Map<AgentSource, Map<string, Sighting>>(sources.map((source) => [source, new Map()]));
	return {
		hear(source, sightings) {
			const own = told.get(source);
			for (const sighting of sightings) own?.set(sighting.agent, sighting);
		},
		forget(source, agents) {
			for (const agent of agents) told.get(source)?.delete(agent);
		},
		of(agent) {
			const words = [...told.values()].flatMap((own) => own.get(agent) ?? []);
			for (const state of ["present", "gone", "lost"] as const) {
				const word = words.find((each) => each.state === state);
				if (word !== undefined) return word;
			}
			return undefined;
		},
		agents: () => new Set([...told.values()].flatMap((own) => [...own.keys()])),
		isCurrent: () => [...told].every(([source, own]) => source.isCurrent ?? own.size > 0),
	};
}

import type { SeenAgent } from "./mark.ts";

export interface Clocks {
	/** Milliseconds since the epoch, as other hosts have them too, more or less. */
	readonly now: () => number;
	/** Milliseconds that do not jump. */
	readonly elapsed: () => number;
}

/**
 * How long agents have been lost. Marks have the time of the host that set them; who has been there since measures by
 * itself, and needs no clock but one that does not jump.
 */
export interface LostTimes {
	/**
	 * @param isNew whether the mark was set since we have looked before
	 * @returns milliseconds
	 */
	of(marked: SeenAgent, isNew: boolean): number;
	/** Forgets those that are not marked any more. */
	retain(agents: ReadonlyMap<string, SeenAgent>): void;
}

export function lostTimes({ now, elapsed }: Clocks): LostTimes {
	const begun = new Map<string, { readonly lostSince: number; readonly at: number }>();
	return {
		of({ agent, state: { lostSince = 0 } }, isNew) {
			const known = begun.get(agent);
			if (known?.lostSince === lostSince) return elapsed() - known.at;
			const before = isNew ? 0 : Math.max(0, now() - lostSince);
			begun.set(agent, { lostSince, at: elapsed() - before });
			return before;
		},
		retain(agents) {
			for (const agent of begun.keys()) {
				if (agents.get(agent)?.state.lostSince === undefined) begun.delete(agent);
			}
		},
	};
}

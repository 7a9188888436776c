import type { SeenAgent } from "./mark.ts";
import type { Outlook } from "./outlook.ts";

/** So many agents at once are more likely cut off than broken. */
export interface MassLoss {
	readonly lost: number;
	/** Lost ones and present ones. */
	readonly all: number;
}

/** Few agents are no mass, whatever their share. */
const fewest = 4;

/**
 * Undefined where no more than that share of the agents is lost. Those that have been released, or are gone on somebody's
 * word, do not count, nor those of whom only a mark tells.
 */
export function massLossIn(
	marks: ReadonlyMap<string, SeenAgent>,
	{ outlook, mostLost }: { readonly outlook: Outlook; readonly mostLost: number },
): MassLoss | undefined {
	let lost = 0;
	let present = 0;
	for (const agent of outlook.agents()) {
		const { releasedAt, gone } = marks.get(agent)?.state ?? {};
		const verdict = outlook.of(agent)?.state;
		if (verdict === "present") present++;
		else if (verdict === "lost" && releasedAt === undefined && gone !== true) lost++;
	}
	const all = lost + present;
	return lost >= fewest && lost > all * mostLost ? { lost, all } : undefined;
}

import { inDirectoryOf, unlessAbsent } from "../../linux/absent.ts";
import { readText, writeFile } from "../../linux/files.ts";

/**
 * What this agent believes, kept on its disk so that an ADD need not ask before it takes:
 *
 *     <directory>/lock     flock(2), held for the moment in which the file below is read and written. It gives processes
 *                          that start together different addresses to try; it guards nothing else
 *     <directory>/hint     `{"fence":"7","blocks":["4-0a010000-26"],"cursors":["10.1.0.5"]}`
 *
 * It may be missing, stale or damaged: every transaction compares what it relies on, and a failed one tells how things are.
 */
export interface Hint {
	/** The revision of the agent's key. */
	readonly fence: string;
	/** Names of the blocks that belong to this agent. */
	readonly blocks: readonly string[];
	/** The address given last, for each range set. */
	readonly cursors: readonly (string | null)[];
}

export interface HintFile {
	/** Changes the hint; what `change` returns beside the new hint is the result. @throws SystemError */
	update<T>(change: (hint: Hint) => readonly [Hint, T]): T;
	/** Notes how things are. @throws SystemError */
	learn(known: Partial<Pick<Hint, "fence" | "blocks">>): Hint;
	/** @throws SystemError */
	read(): Hint;
}

export type Lock = (path: string) => Disposable;

export function hintFile(directory: string, lock: Lock): HintFile {
	const path = `${directory}/hint`;
	const read = () => parseHint(unlessAbsent(() => readText(path)) ?? "");
	const update: HintFile["update"] = (change) => {
		using _held = lockIn(directory, { lock, name: "lock" });
		const [hint, result] = change(read());
		writeFile(path, JSON.stringify(hint));
		return result;
	};
	return {
		read,
		update,
		learn(known) {
			const before = read();
			if (JSON.stringify({ ...before, ...known }) === JSON.stringify(before)) return before;
			return update((hint) => {
				const next = { ...hint, ...known };
				return [next, next];
			});
		},
	};
}

/** Takes a lock in a directory, which is made where it is missing. */
export function lockIn<T>(directory: string, { lock, name }: { lock: (path: string) => T; name: string }): T {
	return inDirectoryOf(`${directory}/${name}`, () => lock(`${directory}/${name}`));
}

function parseHint(text: string): Hint {
	try {
		const { fence, blocks, cursors } = JSON.parse(text) as Record<string, unknown>;
		return {
			fence: typeof fence === "string" ? fence : noFence,
			blocks: Array.isArray(blocks) ? blocks.filter((block) => typeof block === "string") : [],
			cursors: Array.isArray(cursors) ? cursors.map((cursor) => (typeof cursor === "string" ? cursor : null)) : [],
		};
	} catch {
		return { fence: noFence, blocks: [], cursors: [] };
	}
}

/** The revision of a key that does not exist. */
const noFence = "0";

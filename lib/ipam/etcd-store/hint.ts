import { inDirectoryOf, unlessAbsent } from "../../linux/absent.ts";
import { readText, writeFile } from "../../linux/files.ts";
import { type Block, parseBlock } from "./block.ts";

/**
 * What this agent believes, kept on its disk so that an ADD need not ask before it takes:
 *
 *     <directory>/lock     flock(2), held for the moment in which the file below is read and written. It gives processes
 *                          that start together different addresses to try; it guards nothing else
 *     <directory>/hint     `{"fence":"7","blocks":["4-0a010000-26"],"full":[],"cursors":["10.1.0.5"]}`
 *
 * It may be missing, stale or damaged: every transaction compares what it relies on, and a failed one tells how things are.
 */
export interface Hint {
	/** The revision of the agent's key. */
	readonly fence: string;
	/** Names of the blocks that belong to this agent. */
	readonly blocks: readonly string[];
	/** Those of them that had no free address. */
	readonly full: readonly string[];
	/** The address given last, for each range set. */
	readonly cursors: readonly (string | null)[];
}

export interface HintFile {
	/** Changes the hint; what `change` returns beside the new hint is the result. @throws SystemError */
	update<T>(change: (hint: Hint) => readonly [Hint, T]): T;
	/** Notes how things are. @throws SystemError */
	learn(known: Partial<Omit<Hint, "cursors">>): Hint;
	/** @throws SystemError */
	read(): Hint;
}

/** Blocks out of which an address may be had. */
export function openBlocks({ blocks, full }: Hint): readonly Block[] {
	return blocks.filter((name) => !full.includes(name)).flatMap((name) => parseBlock(name) ?? []);
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
		const { fence, blocks, full, cursors } = JSON.parse(text) as Record<string, unknown>;
		return {
			fence: typeof fence === "string" ? fence : noFence,
			blocks: textsOf(blocks),
			full: textsOf(full),
			cursors: Array.isArray(cursors) ? cursors.map((cursor) => (typeof cursor === "string" ? cursor : null)) : [],
		};
	} catch {
		return { fence: noFence, blocks: [], full: [], cursors: [] };
	}
}

function textsOf(value: unknown): readonly string[] {
	return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** The revision of a key that does not exist. */
const noFence = "0";

import { inDirectoryOf, unlessAbsent } from "../../linux/absent.ts";
import { readAll, readText, replaceContent } from "../../linux/files.ts";
import { decodeUtf8 } from "../../linux/utf8.ts";

/**
 * What this agent believes, kept on its disk so that an ADD need not ask before it takes:
 *
 *     <directory>/hint     `{"fence":"7","blocks":{"4-0a010000-26":"fffffffffffffffc"},"stale":[],"cursors":["10.1.0.1"]}`;
 *                          flock(2) is held on it for the moment in which it is read and written. That gives processes that
 *                          start together different addresses to try; it guards nothing else
 *
 * It may be missing, outdated or damaged: every transaction compares what it relies on, and when one fails we ask how things
 * are.
 */
export interface Hint {
	/** The revision of the agent's key. */
	readonly fence: string;
	/** The blocks that belong to this agent by name, with the addresses to try: bits in hexadecimal digits, see free-block.ts. */
	readonly blocks: Readonly<Record<string, unknown>>;
	/** Names of those in which others may have become free: worth a look when there is nothing left to try. */
	readonly stale: readonly string[];
	/** The address given last, for each range set. */
	readonly cursors: readonly (string | null)[];
}

export interface HintFile {
	/** Changes the hint; what `change` returns beside the new hint is the result. @throws SystemError */
	update<T>(change: (hint: Hint) => readonly [Hint, T]): T;
	/** The same where there is no result; nothing is written, or made, when `change` returns what it was given. @throws SystemError */
	note(change: (hint: Hint) => Hint): void;
	/** @throws SystemError */
	read(): Hint;
}

/** A file under flock(2), open for reading and writing. */
export interface LockedFile extends Disposable {
	readonly fd: number;
}

export type Lock = (path: string) => LockedFile;

export function hintFile(directory: string, lock: Lock): HintFile {
	const read = () => parseHint(unlessAbsent(() => readText(`${directory}/hint`)) ?? "");
	const update: HintFile["update"] = (change) => {
		using file = lockIn(directory, { lock, name: "hint" });
		const before = readAll(file.fd);
		const hint = parseHint(decodeUtf8(before));
		const [next, result] = change(hint);
		if (next !== hint) replaceContent(file.fd, { data: JSON.stringify(next), before: before.byteLength });
		return result;
	};
	return {
		read,
		update,
		note(change) {
			const hint = read();
			if (change(hint) !== hint) update((before) => [change(before), undefined]);
		},
	};
}

/** Takes a lock in a directory, which is made where it is missing. */
export function lockIn<T>(directory: string, { lock, name }: { lock: (path: string) => T; name: string }): T {
	return inDirectoryOf(`${directory}/${name}`, () => lock(`${directory}/${name}`));
}

function parseHint(text: string): Hint {
	try {
		const { fence, blocks, stale, cursors } = JSON.parse(text) as Record<string, unknown>;
		return {
			fence: typeof fence === "string" ? fence : noFence,
			blocks: typeof blocks === "object" && blocks !== null ? (blocks as Hint["blocks"]) : {},
			stale: Array.isArray(stale) ? stale.filter((name) => typeof name === "string") : [],
			cursors: Array.isArray(cursors) ? cursors.map((cursor) => (typeof cursor === "string" ? cursor : null)) : [],
		};
	} catch {
		return { fence: noFence, blocks: {}, stale: [], cursors: [] };
	}
}

/** The revision of a key that does not exist. */
const noFence = "0";

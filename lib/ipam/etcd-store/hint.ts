import { inDirectoryOf, unlessAbsent } from "../../linux/absent.ts";
import { readAll, readText, replaceContent } from "../../linux/files.ts";
import { decodeUtf8 } from "../../linux/utf8.ts";

/**
 * What this agent believes, kept on its disk so that an ADD need not ask before it takes:
 *
 *     <directory>/hint     a line for each of these, and one for each open block; words are apart by a space:
 *
 *                              7                                  fence
 *                              4-0a010042                         cursors
 *                                                                 stale
 *                                                                 spare
 *                              4-0a010000-26                      full
 *                              4-0a010040-26 000111111111…        open
 *
 *                          flock(2) is held on it for the moment in which it is read and written. That gives processes that
 *                          start together different addresses to try; it guards nothing else
 *
 * It may be missing, outdated or damaged: every transaction compares what it relies on, and when one fails we ask how things
 * are.
 */
export interface Hint {
	/** The revision of the agent's key. */
	readonly fence: string;
	/** The address given last, for each range set; nothing for none. */
	readonly cursors: readonly string[];
	/** Names of those in which others may have become free: worth a look when there is nothing left to try. */
	readonly stale: readonly string[];
	/** Names of those that have become empty, and of which nothing was given since: one of each family at most. */
	readonly spare: readonly string[];
	/** Names of the blocks of this agent without an address to try: a line, which those who only give one pass on as it is. */
	readonly full: string;
	/** Its other blocks by name, with the addresses to try: digits, see free-block.ts. */
	readonly open: Readonly<Record<string, string>>;
}

/** A file under flock(2), open for reading and writing. */
export interface LockedFile extends Disposable {
	readonly fd: number;
}

export type Lock = (path: string) => LockedFile;

/** The hint of one network, in its directory. */
export class HintFile {
	private readonly directory: string;
	private readonly lock: Lock;

	constructor({ directory, lock }: { directory: string; lock: Lock }) {
		this.directory = directory;
		this.lock = lock;
	}

	/** Changes the hint; what `change` returns beside the new hint is the result. @throws SystemError */
	update<T>(change: (hint: Hint) => readonly [Hint, T]): T {
		using file = lockIn(this.directory, { lock: this.lock, name: "hint" });
		const before = readAll(file.fd);
		const hint = parseHint(decodeUtf8(before));
		const [next, result] = change(hint);
		if (next !== hint) replaceContent(file.fd, { data: formatHint(next), before: before.byteLength });
		return result;
	}

	/** The same where there is no result; nothing is written, or made, when `change` returns what it was given. @throws SystemError */
	note(change: (hint: Hint) => Hint): void {
		const hint = this.read();
		if (change(hint) !== hint) this.update((before) => [change(before), undefined]);
	}

	/** @throws SystemError */
	read(): Hint {
		return parseHint(unlessAbsent(() => readText(`${this.directory}/hint`)) ?? "");
	}
}

/** Takes a lock in a directory, which is made where it is missing. */
export function lockIn<T>(directory: string, { lock, name }: { lock: (path: string) => T; name: string }): T {
	return inDirectoryOf(`${directory}/${name}`, () => lock(`${directory}/${name}`));
}

/** Nothing is known, and the agent's key does not exist. */
export const blankHint: Hint = { fence: "0", cursors: [], stale: [], spare: [], full: "", open: {} };

export function parseHint(text: string): Hint {
	const lines = text.split("\n");
	const fence = lines[0] ?? "";
	if (!/^\d{1,18}$/.test(fence)) return blankHint;
	const open: Record<string, string> = {};
	for (let at = 5; at < lines.length; at++) {
		const words = wordsOf(lines[at]);
		if (words[0] !== undefined && words[1] !== undefined) open[words[0]] = words[1];
	}
	return {
		fence,
		cursors: wordsOf(lines[1]),
		stale: wordsOf(lines[2]),
		spare: wordsOf(lines[3]),
		full: lines[4] ?? "",
		open,
	};
}

export function formatHint({ fence, cursors, stale, spare, full, open }: Hint): string {
	let text = `${fence}\n${cursors.join(" ")}\n${stale.join(" ")}\n${spare.join(" ")}\n${full}`;
	for (const name in open) text += `\n${name} ${open[name]}`;
	return text;
}

/** The names of all blocks of this agent. */
export function namesOf({ open, full }: Hint): readonly string[] {
	return [...Object.keys(open), ...wordsOf(full)];
}

/** The words of a line. */
export function wordsOf(line = ""): readonly string[] {
	return line === "" ? [] : line.split(" ");
}

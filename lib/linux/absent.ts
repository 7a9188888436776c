import { Errno, errnoOf } from "./errno.ts";
import { makeDirectories } from "./files.ts";

/** What `action` returns, or undefined when it fails with one of these. */
export function unless<T>(errnos: readonly number[], action: () => T): T | undefined {
	try {
		return action();
	} catch (thrown) {
		if (errnos.includes(errnoOf(thrown))) return undefined;
		throw thrown;
	}
}

/** What a path answers that leads nowhere: to no file, through something that is no directory, by a name no file has. */
const absent: readonly number[] = [Errno.ENOENT, Errno.ENOTDIR, Errno.ENAMETOOLONG];

/** What `action` returns, or undefined when what it looks for is not there. */
export function unlessAbsent<T>(action: () => T): T | undefined {
	return unless(absent, action);
}

/** Runs `action`, once more after making the directory of `path` when that was missing: one system call on the way. */
export function inDirectoryOf<T>(path: string, action: () => T): T {
	try {
		return action();
	} catch (thrown) {
		if (errnoOf(thrown) !== Errno.ENOENT) throw thrown;
	}
	makeDirectories(path.slice(0, path.lastIndexOf("/")));
	return action();
}

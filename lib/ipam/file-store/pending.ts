import { inDirectoryOf } from "../../linux/absent.ts";
import { Errno, errnoOf } from "../../linux/errno.ts";
import { createFile, link as linkFile } from "../../linux/files.ts";
import { isProcessAlive } from "../../linux/process.ts";
import { namesIn, removeFile } from "./files.ts";

/** A reservation that is written and has no address yet. */
export interface PendingReservation extends Disposable {
	/** Makes it the file `path`. False when there is one already. */
	link(path: string): boolean;
}

/**
 * Writes the content before the lock is taken, so that others wait for less. Not synced: see docs/design/crash-safety.md.
 * Disposing removes the file here; what was linked stays.
 */
export function preparePending(directory: string, content: string): PendingReservation {
	const path = `${directory}/${process.pid}.${Math.random().toString(36).slice(2)}`;
	inDirectoryOf(path, () => writeNew(path, content));
	return {
		link(target) {
			try {
				linkFile(path, target);
				return true;
			} catch (thrown) {
				const errno = errnoOf(thrown);
				if (errno === Errno.EEXIST) return false;
				// Swept by a process that does not see ours (another PID namespace): see sweepPending
				if (errno === Errno.ENOENT || withoutHardLinks.includes(errno)) return createInPlace(target, content);
				throw thrown;
			}
		},
		[Symbol.dispose]: () => {
			// What stays is swept by a later call; it must not fail an ADD that holds its addresses already.
			ignoreErrors(() => removeFile(path));
		},
	};
}

/** Removes what killed processes left, if it can. One too many is harmless: its process writes in place. */
export function sweepPending(directory: string): void {
	ignoreErrors(() => {
		for (const name of namesIn(directory)) {
			const pid = Number.parseInt(name, 10);
			if (!(pid > 0 && isProcessAlive(pid))) removeFile(`${directory}/${name}`);
		}
	});
}

/** Nobody looks in there but us: what stays costs a few bytes. */
function ignoreErrors(action: () => void): void {
	try {
		action();
	} catch {}
}

/** A network's directory on another file system, and file systems that know no hard links. */
const withoutHardLinks: readonly number[] = [
	Errno.EXDEV,
	Errno.EPERM,
	Errno.EOPNOTSUPP,
	31 /* EMLINK */,
	38 /* ENOSYS */,
];

/** As the reference does: a crash in between leaves an empty file, which counts as free. */
function createInPlace(path: string, content: string): boolean {
	try {
		writeNew(path, content);
		return true;
	} catch (thrown) {
		if (errnoOf(thrown) === Errno.EEXIST) return false;
		throw thrown;
	}
}

function writeNew(path: string, content: string): void {
	try {
		createFile(path, content);
	} catch (thrown) {
		if (errnoOf(thrown) !== Errno.EEXIST) removeFile(path);
		throw thrown;
	}
}

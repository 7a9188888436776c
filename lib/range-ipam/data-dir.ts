import { CniError, ErrorCode } from "../cni/error.ts";
import { Errno, errnoOf, errnoText } from "../linux/errno.ts";
import { isDirectory, stat } from "../linux/files.ts";
import { access, W_OK, workingDirectory, X_OK } from "../linux/libc.ts";

/**
 * Finds out whether ADD could keep reservations in the directory, or make it, without changing anything.
 * @throws CniError code 50
 */
export function requireUsable(dataDir: string): void {
	const code = ErrorCode.pluginNotAvailable;
	let directory = dataDir.startsWith("/") ? dataDir : `${workingDirectory()}/${dataDir}`;
	for (;;) {
		try {
			stat(directory);
			if (!isDirectory(directory)) {
				throw unusable(dataDir, { code, reason: `"${directory}" is not a directory` });
			}
			access(directory, W_OK | X_OK);
			return;
		} catch (thrown) {
			if (errnoOf(thrown) !== Errno.ENOENT || directory === "/") throw explained(dataDir, { code, thrown });
			directory = directory.slice(0, directory.lastIndexOf("/")) || "/";
		}
	}
}

/** A failed system call as an error that names the directory; everything else as it is. */
export function explained(dataDir: string, { code, thrown }: { code: number; thrown: unknown }): unknown {
	const errno = errnoOf(thrown);
	return errno === 0 ? thrown : unusable(dataDir, { code, reason: errnoText(errno), cause: thrown });
}

interface Unusable {
	readonly code: number;
	readonly reason: string;
	readonly cause?: unknown;
}

function unusable(dataDir: string, { code, reason, cause }: Unusable): CniError {
	const call = cause === undefined ? "" : ` (${String(cause)})`;
	return new CniError(code, `Cannot keep reservations in "${dataDir}": ${reason}`, {
		details: `"ipam.dataDir" must be a directory in which root can write${call}`,
		cause,
	});
}

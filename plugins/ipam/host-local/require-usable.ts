import { accessSync, constants, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { Errno, errnoOf, errnoText } from "../../../lib/linux/errno.ts";

/**
 * Finds out whether ADD could keep reservations in the directory, or make it, without changing anything.
 * @throws CniError code 50
 */
export function requireUsable(dataDir: string): void {
	let directory = resolve(dataDir);
	for (;;) {
		try {
			if (!statSync(directory).isDirectory()) throw unusable(dataDir, `"${directory}" is not a directory`);
			accessSync(directory, constants.W_OK | constants.X_OK);
			return;
		} catch (thrown) {
			if (thrown instanceof CniError) throw thrown;
			const missing = errnoOf(thrown) === Errno.ENOENT && dirname(directory) !== directory;
			if (!missing) throw unusable(dataDir, errnoText(errnoOf(thrown)), thrown);
			directory = dirname(directory);
		}
	}
}

function unusable(dataDir: string, reason: string, cause?: unknown): CniError {
	return new CniError(ErrorCode.pluginNotAvailable, `Cannot keep reservations in "${dataDir}": ${reason}`, {
		details: `"ipam.dataDir" must be a directory in which root can write`,
		cause,
	});
}

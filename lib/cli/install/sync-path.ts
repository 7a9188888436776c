import { closeSync, fchmodSync, fsyncSync, openSync } from "node:fs";

/** fsync(2) of a file or directory; with `mode`, sets its permissions as well. @throws Error of node:fs */
export function syncPath(path: string, mode?: number): void {
	const file = openSync(path, "r");
	try {
		if (mode !== undefined) fchmodSync(file, mode);
		fsyncSync(file);
	} finally {
		closeSync(file);
	}
}

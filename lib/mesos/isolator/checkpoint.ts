import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { CniError, ErrorCode, messageOf } from "../../cni/error.ts";
import { Errno, errnoOf } from "../../linux/errno.ts";

/** Writes a file that is whole or not there, whenever the process is killed. @throws CniError `Failed to checkpoint …` */
export function writeCheckpoint(path: string, text: string): void {
	const incomplete = `${path}.new`;
	try {
		writeFileSync(incomplete, text, { mode: 0o644 });
		renameSync(incomplete, path);
	} catch (thrown) {
		throw new CniError(ErrorCode.ioFailure, `Failed to checkpoint '${path}': ${messageOf(thrown)}`, { cause: thrown });
	}
}

/** The content of a file; undefined when there is none. @throws the error of node:fs */
export function readCheckpoint(path: string): string | undefined {
	try {
		return readFileSync(path, "utf8");
	} catch (thrown) {
		if ([Errno.ENOENT as number, Errno.ENOTDIR].includes(errnoOf(thrown))) return undefined;
		throw thrown;
	}
}

/** `rm -rf` */
export function removeTree(path: string): void {
	rmSync(path, { recursive: true, force: true });
}

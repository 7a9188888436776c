import { inDirectoryOf, unless } from "../../linux/absent.ts";
import { Errno } from "../../linux/errno.ts";
import * as files from "../../linux/files.ts";

/** The text of a file, or undefined when there is none: ENOENT, or a directory of that name. */
export function readText(path: string): string | undefined {
	return unless([Errno.ENOENT, Errno.ENOTDIR, Errno.EISDIR], () => files.readText(path));
}

/** The names in a directory, none when there is no such directory. */
export function namesIn(directory: string): readonly string[] {
	return unless([Errno.ENOENT], () => files.listDirectory(directory)) ?? [];
}

/** Whether there was a file to remove. */
export function removeFile(path: string): boolean {
	const remove = () => {
		files.unlink(path);
		return true;
	};
	return unless([Errno.ENOENT], remove) ?? false;
}

/** Writes in place, mode 0600, and makes the directory where it is missing. */
export function writeBeside(path: string, data: string | Uint8Array): void {
	inDirectoryOf(path, () => files.writeFile(path, data));
}

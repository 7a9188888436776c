import { regularFile } from "../linux/files.ts";
import { CniError, ErrorCode } from "./error.ts";

/**
 * The first regular file named `type` in the directories of CNI_PATH; the execute bit is not looked at.
 *
 * @throws CniError with the texts that callers know from libcni
 */
export function findPlugin(type: string, paths: readonly string[]): string {
	return findExecutable(type, paths).path;
}

/** The same, and which file it is, whichever links lead to it. */
export function findExecutable(type: string, paths: readonly string[]): Executable {
	if (type === "") throw new CniError(ErrorCode.internal, "no plugin name provided");
	if (type.includes("/")) throw new CniError(ErrorCode.internal, `invalid plugin name: ${type}`);
	if (paths.length === 0) {
		throw new CniError(ErrorCode.internal, "no paths provided", {
			details: "Set CNI_PATH to the directory of the plugins, such as /opt/cni/bin",
		});
	}
	for (const directory of paths) {
		const path = `${directory}/${type}`;
		// Whatever makes one directory unusable, the plugin may be in the next.
		const status = regularFile(path);
		if (status !== undefined) return { path, identity: status.identity };
	}
	throw new CniError(ErrorCode.internal, `failed to find plugin "${type}" in path [${paths.join(" ")}]`);
}

export interface Executable {
	readonly path: string;
	/** Device and inode. */
	readonly identity: string;
}

/** The directories in CNI_PATH. */
export function splitPath(text: string): readonly string[] {
	return text.split(":").filter((directory) => directory !== "");
}

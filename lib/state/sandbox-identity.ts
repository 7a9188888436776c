import { Errno, errnoOf } from "../linux/errno.ts";
import { stat } from "../linux/files.ts";

/** Which network namespace a path led to at some time: enough to tell later that it is surely gone. */
export interface SandboxIdentity {
	readonly path: string;
	/** Device and inode of the namespace; empty when the path led nowhere. */
	readonly namespace: string;
}

/** What the path leads to now. Never throws. */
export function identifySandbox(path: string): SandboxIdentity {
	const status = tryStat(path);
	return { path, namespace: typeof status === "string" ? status : "" };
}

/**
 * Whether the namespace is gone: nothing is at its path any more, or another one. Doubt is no: an inode number may have
 * been given to a new namespace, and a path may be unreadable for us alone.
 */
export function isSandboxGone({ path, namespace }: SandboxIdentity): boolean {
	if (path === "" || namespace === "") return false;
	const now = tryStat(path);
	return typeof now === "string" ? now !== namespace : now === Errno.ENOENT || now === Errno.ENOTDIR;
}

/** The path where the namespace surely has not gone; else empty, as CNI_NETNS is for none. */
export function pathUnlessGone(sandbox: SandboxIdentity | undefined): string {
	return sandbox === undefined || isSandboxGone(sandbox) ? "" : sandbox.path;
}

/** Device and inode, or the errno. */
function tryStat(path: string): string | number {
	try {
		return stat(path).identity;
	} catch (thrown) {
		return errnoOf(thrown);
	}
}

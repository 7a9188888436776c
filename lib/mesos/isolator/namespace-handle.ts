import { closeSync, mkdirSync, openSync, readFileSync, realpathSync, statSync } from "node:fs";
import { CniError, ErrorCode, messageOf } from "../../cni/error.ts";
import { Errno, errnoOf } from "../../linux/errno.ts";
import { lockFile } from "../../linux/file-lock.ts";
import { MS_BIND, MS_REC, MS_SHARED, mount, unmount } from "../../linux/libc.ts";

/**
 * Makes the state root: a mount of its own, shared. The mounts of containers are copies that follow it, so that a
 * namespace unmounted here is not kept alive by whichever containers were started meanwhile.
 *
 * @returns its path without symbolic links
 */
export function makeStateRoot(path: string): string {
	mkdirSync(path, { recursive: true });
	const stateRoot = realpathSync(path);
	// Guards the look at the mounts and the mount, or two processes would both make one. The kernel drops it at a crash.
	using _lock = lockFile(`${stateRoot}.lock`);
	const options = mountOptions(stateRoot);
	if (options === undefined) mount(stateRoot, { source: stateRoot, flags: MS_BIND | MS_REC });
	if (options?.includes("shared:") !== true) mount(stateRoot, { flags: MS_SHARED | MS_REC });
	return stateRoot;
}

/** The line of what is mounted at a path, from proc(5)'s mountinfo; undefined when it is no mount point. */
function mountOptions(path: string): string | undefined {
	return readFileSync("/proc/self/mountinfo", "utf8")
		.split("\n")
		.findLast((line) => line.split(" ")[4] === escaped(path));
}

/** As mountinfo writes a path; proc(5). */
function escaped(path: string): string {
	return path.replace(/[ \t\n\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

/** Binds the network namespace of a process, which keeps it alive after the process. @throws CniError */
export function bindNamespace(path: string, pid: number): void {
	const source = `/proc/${pid}/ns/net`;
	try {
		closeSync(openSync(path, "w"));
		mount(path, { source, flags: MS_BIND });
	} catch (thrown) {
		const message = `Failed to mount the network namespace handle from '${source}' to '${path}': ${messageOf(thrown)}`;
		throw new CniError(ErrorCode.ioFailure, message, { cause: thrown });
	}
}

/** Whether a namespace is bound there: after a reboot the file is a plain one. */
export function isNamespaceHandle(path: string): boolean {
	return statSync(path, { throwIfNoEntry: false })?.dev === statSync("/proc/self/ns/net").dev;
}

/** Succeeds also when nothing is bound there. */
export function unbindNamespace(path: string): void {
	try {
		unmount(path);
	} catch (thrown) {
		if (![Errno.EINVAL as number, Errno.ENOENT].includes(errnoOf(thrown))) throw thrown;
	}
}

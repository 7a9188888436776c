import { Errno, errnoOf } from "../../linux/errno.ts";
import { makeDirectories, stat } from "../../linux/files.ts";
import {
	close,
	MS_BIND,
	MS_NODEV,
	MS_NOEXEC,
	MS_NOSUID,
	MS_RDONLY,
	MS_REMOUNT,
	mount,
	O_CREAT,
	O_RDONLY,
	open,
	openInRoot,
} from "../../linux/libc.ts";
import type { FileMount, LaunchOrder } from "./launch-order.ts";

/** Puts files in the place of others, in the mount namespace that this process is in. @throws SystemError */
export function mountFiles({ mounts, rootfs }: Pick<LaunchOrder, "mounts" | "rootfs">): void {
	for (const file of mounts) {
		if (rootfs !== undefined) bind(file, (action) => atTargetInRoot(rootfs, file.target, action));
		else if (file.source !== file.target && exists(file.target)) bind(file, (action) => action(file.target));
	}
}

/** @param atTarget calls with a path that leads to the target: to what is mounted there, once something is */
function bind({ source, readOnly }: FileMount, atTarget: (action: (target: string) => void) => void): void {
	const options = MS_NOEXEC | MS_NODEV | MS_NOSUID | (readOnly ? MS_RDONLY : 0);
	atTarget((target) => mount(target, { source, flags: MS_BIND }));
	atTarget((target) => mount(target, { flags: MS_BIND | MS_REMOUNT | options }));
}

/** A file system that a tenant has made may have links that lead out of it: none of them is followed there. */
function atTargetInRoot(rootfs: string, target: string, action: (path: string) => void): void {
	const root = open(rootfs, { flags: O_RDONLY });
	try {
		const fd = openOrCreate(root, { target, rootfs });
		try {
			action(`/proc/self/fd/${fd}`);
		} finally {
			close(fd);
		}
	} finally {
		close(root);
	}
}

function openOrCreate(root: number, { target, rootfs }: { target: string; rootfs: string }): number {
	const create = () => openInRoot(root, target, { flags: O_RDONLY | O_CREAT, mode: 0o644 });
	try {
		return create();
	} catch (thrown) {
		if (errnoOf(thrown) !== Errno.ENOENT) throw thrown;
		makeDirectories(`${rootfs}/etc`);
		return create();
	}
}

function exists(path: string): boolean {
	try {
		stat(path);
		return true;
	} catch {
		return false;
	}
}

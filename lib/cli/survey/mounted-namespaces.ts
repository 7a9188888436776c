import { readText } from "../../linux/files.ts";
import type { SeenProcess } from "./processes.ts";

export interface MountedNamespace {
	readonly identity: string;
	/** By which it can be opened from here. */
	readonly path: string;
	/** Where it is bound, as those see it who are in that mount namespace. */
	readonly point: string;
}

/**
 * The network namespaces that are bound to files, in the mount namespace of this process and in those of all others: each
 * of them keeps a namespace alive.
 */
export function mountedNamespaces(processes: readonly SeenProcess[]): readonly MountedNamespace[] {
	const others = new Map(processes.map(({ mountNamespace, pid }) => [mountNamespace, pid]));
	return [
		...mountsIn("/proc/self/mountinfo", ""),
		...[...others.values()].flatMap((pid) => mountsIn(`/proc/${pid}/mountinfo`, `/proc/${pid}/root`)),
	];
}

/** proc(5): `36 35 0:4 net:[4026532177] /run/netns/blue rw shared:1 - nsfs nsfs rw` */
function mountsIn(file: string, root: string): readonly MountedNamespace[] {
	return linesOf(file).flatMap((line) => {
		const [, , device, inMount = "", escapedPoint = ""] = line.split(" ");
		const inode = /^net:\[(\d+)\]$/.exec(inMount)?.[1];
		const point = unescaped(escapedPoint);
		return inode === undefined ? [] : [{ identity: `${device}:${inode}`, path: `${root}${point}`, point }];
	});
}

/** None of a process that has ended; the mounts of its namespace are those of others, or gone with it. */
function linesOf(file: string): readonly string[] {
	try {
		return readText(file).split("\n");
	} catch {
		return [];
	}
}

/** Spaces, tabs, line feeds and backslashes stand as three octal digits. */
function unescaped(text: string): string {
	return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

import { readFileSync, statSync, utimesSync } from "node:fs";
import { readText, writeBeside } from "./files.ts";
import type { Layout } from "./layout.ts";

/** Of the files beside the reservations; a change makes all of them stale. */
const formatVersion = 1;

/**
 * Whether the index describes the directory as it is: nobody else (the reference, an operator) has added or removed a
 * file since {@link stampIndex}.
 *
 * The stamp holds the directory's inode and modification time, and the boot: after a power failure, files written last
 * may be lost although their directory entries are not.
 */
export function isIndexFresh({ directory, stamp }: Layout): boolean {
	const text = readText(stamp);
	return text !== undefined && text === describe(directory);
}

/**
 * To be called under the lock after the last change of both, directory and index. A crash before leaves a stamp that
 * does not fit.
 *
 * The time comes from us, not from the kernel, whose clock ticks every few milliseconds: two changes within one tick
 * would carry the same time. It lies in the past by more than the coarsest granularity of a file system (2 s), and its
 * microseconds are random, so that no change of somebody else can ever give the directory the same time again.
 */
export function stampIndex({ directory, stamp }: Layout): void {
	const now = Date.now() / 1000;
	utimesSync(directory, now, now - 10 - Math.random() * 10);
	writeBeside(stamp, describe(directory));
}

function describe(directory: string): string {
	const { ino, mtimeNs } = statSync(directory, { bigint: true });
	const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
	return `${formatVersion} ${boot} ${ino} ${mtimeNs}\n`;
}

import { stat, utimes } from "../../linux/files.ts";
import { readText, writeBeside } from "./files.ts";
import type { Layout } from "./layout.ts";

/** Of the files beside the reservations; a change makes all of them stale. */
const formatVersion = 1;

/**
 * Whether the index describes the directory as it is: nobody else (the reference, an operator) has added or removed a
 * file since the stamp was written.
 *
 * The stamp holds the directory's inode and modification time, and the boot: after a power failure, files written last
 * may be lost although their directory entries are not.
 */
export interface Stamp {
	fits(): boolean;
	/**
	 * To be called under the lock after the last change of both, directory and index. A crash before leaves a stamp that
	 * does not fit.
	 *
	 * The directory gets a modification time from us, not from the kernel, whose clock ticks every few milliseconds: two
	 * changes within one tick would carry the same time. It lies in the past by more than the coarsest granularity of a
	 * file system (2 s), and its microseconds are random, so that no change of somebody else can ever give the directory
	 * the same time again.
	 */
	renew(): void;
}

export function openStamp({ directory, stamp }: Layout): Stamp {
	const boot = currentBoot();
	const describe = () => `${formatVersion} ${boot} ${stateOf(directory)}\n`;
	return {
		fits: () => readText(stamp) === describe(),
		renew() {
			const now = Date.now() * 1000;
			const past = now - 1e7 - Math.floor(Math.random() * 1e7);
			utimes(directory, { atimeNs: BigInt(now) * 1000n, mtimeNs: BigInt(past) * 1000n });
			writeBeside(stamp, describe());
		},
	};
}

/**
 * Whether every reservation in the directory was made before the last boot: the stamp is of another boot, and nobody, not
 * the reference either, has added or removed a file since. Without a stamp, or after the first change, nothing is known.
 */
export function isOfEarlierBoot({ directory, stamp }: Layout): boolean {
	const [version, boot, ...state] = readText(stamp)?.trim().split(" ") ?? [];
	return version === String(formatVersion) && boot !== currentBoot() && state.join(" ") === stateOf(directory);
}

/** Inode and modification time. */
function stateOf(directory: string): string {
	const { inode, mtimeNs } = stat(directory);
	return `${inode} ${mtimeNs}`;
}

function currentBoot(): string {
	// Without /proc, one that no stamp has.
	return readText("/proc/sys/kernel/random/boot_id")?.trim() ?? `unknown-${Math.random()}`;
}

import type { Family, IpAddress } from "../../ip/address.ts";
import { inDirectoryOf } from "../../linux/absent.ts";
import { isRegularFile, readFile, updateFile } from "../../linux/files.ts";
import { pwrite } from "../../linux/libc.ts";
import { namesIn, removeFile, writeBeside } from "./files.ts";

/**
 * A hint which addresses are taken, to find a free one without trying each: a bitmap of 8 KiB for every 65,536
 * addresses, a missing byte or file being zeros. The reservation files are the authority: a bit that is missing costs
 * one failed link(2), a bit too many is found out before a range is called exhausted.
 */
export interface TakenIndex {
	/** The first address from `first` to `last` that is not marked, or undefined. */
	nextFree(family: Family, span: { first: bigint; last: bigint }): bigint | undefined;
	/** Marks an address. Where there is no bitmap yet, `sparse` makes none: for addresses far from all others. */
	mark(address: IpAddress, options?: { sparse?: boolean }): void;
	unmark(address: IpAddress): void;
	/**
	 * Replaces all bitmaps. `resting` addresses are always marked: no reservation file would tell that they are not to
	 * be had. Should writing fail, this object still knows them all.
	 */
	rebuild(reserved: readonly IpAddress[], resting: readonly IpAddress[]): void;
}

const blockBits = 16n;
const blockBytes = 8192;
/** Blocks with fewer addresses get no bitmap when they are rebuilt: so many failed links cost less than a file. */
const sparseLimit = 32;

export function createTakenIndex(directory: string): TakenIndex {
	const blocks = new Map<string, Uint8Array | undefined>();

	function load(path: string): Uint8Array | undefined {
		if (!blocks.has(path)) blocks.set(path, readBlock(path));
		return blocks.get(path);
	}

	function write(address: IpAddress, change: (byte: number, bit: number) => number): void {
		const path = blockPath(directory, address);
		const offset = Number(address.value & 0xffffn);
		const index = offset >>> 3;
		const byte = change(load(path)?.[index] ?? 0, 1 << (offset & 7));
		inDirectoryOf(path, () => writeByte(path, { index, byte }));
		const bytes = blocks.get(path);
		if (bytes !== undefined && index < bytes.length) bytes[index] = byte;
		else blocks.delete(path);
	}

	return {
		nextFree(family, { first, last }) {
			let value = first;
			while (value <= last) {
				const end = value | 0xffffn;
				const bytes = load(blockPath(directory, { family, value }));
				const found = bytes === undefined ? value : nextZero(bytes, value);
				if (found <= last && found <= end) return found;
				value = end + 1n;
			}
			return undefined;
		},
		mark(address, { sparse = false } = {}) {
			if (sparse && !isRegularFile(blockPath(directory, address))) return;
			write(address, (byte, bit) => byte | bit);
		},
		unmark(address) {
			if (load(blockPath(directory, address)) !== undefined) write(address, (byte, bit) => byte & ~bit);
		},
		rebuild(reserved, resting) {
			blocks.clear();
			const offsets = new Map<string, number[]>();
			for (const address of [...reserved, ...resting]) {
				const path = blockPath(directory, address);
				const block = offsets.get(path);
				const offset = Number(address.value & 0xffffn);
				if (block === undefined) offsets.set(path, [offset]);
				else block.push(offset);
			}
			const dense = new Set(resting.map((address) => blockPath(directory, address)));
			for (const [path, block] of offsets) {
				if (block.length >= sparseLimit || dense.has(path)) blocks.set(path, bitmapOf(block));
			}
			const written = [...blocks];
			for (const path of namesIn(directory).map((name) => `${directory}/${name}`)) {
				if (blocks.has(path)) continue;
				blocks.set(path, undefined);
				removeFile(path);
			}
			for (const [path, bytes] of written) if (bytes !== undefined) writeBeside(path, bytes);
		},
	};
}

/** A bitmap that cannot be read is as none. */
function readBlock(path: string): Uint8Array | undefined {
	try {
		return readFile(path);
	} catch {
		return undefined;
	}
}

function blockPath(directory: string, { family, value }: IpAddress): string {
	return `${directory}/${family}-${(value >> blockBits).toString(16)}`;
}

/** The first zero bit at or after the address, as an address; the one after the block's last when there is none. */
function nextZero(bytes: Uint8Array, address: bigint): bigint {
	const base = address & ~0xffffn;
	let offset = Number(address & 0xffffn);
	for (;;) {
		const byte = offset >>> 3 < bytes.length ? (bytes[offset >>> 3] ?? 0) : 0;
		if (byte === 0xff && (offset & 7) === 0) offset += 8;
		else if ((byte & (1 << (offset & 7))) === 0) break;
		else offset++;
		if (offset >= blockBytes * 8) break;
	}
	return base + BigInt(offset);
}

function bitmapOf(offsets: readonly number[]): Uint8Array {
	const bytes = new Uint8Array(blockBytes);
	for (const offset of offsets) bytes[offset >>> 3] = (bytes[offset >>> 3] ?? 0) | (1 << (offset & 7));
	return bytes;
}

/** In place, beyond the end too: what lies between reads as zeros. */
function writeByte(path: string, { index, byte }: { index: number; byte: number }): void {
	updateFile(path, (fd) => pwrite(fd, { data: Uint8Array.of(byte), offset: index }));
}

import type { IpAddress } from "../../ip/address.ts";
import { familyOf, type RangeSet } from "../range-set.ts";
import { roundRobin, type Span } from "../round-robin.ts";
import { type Block, blockSize } from "./block.ts";

/** A block, and which of its addresses are free: a bit for each, that of the first one lowest. */
export interface FreeBlock extends Block {
	readonly free: bigint;
}

/** Every address of the block. */
export function allOf(block: Block): bigint {
	return (1n << blockSize(block)) - 1n;
}

/** The bit of an address; none for one outside the block. */
export function bitOf(block: Block, { family, value }: IpAddress): bigint {
	const offset = value - block.network.value;
	return family === block.network.family && offset >= 0n && offset < blockSize(block) ? 1n << offset : 0n;
}

export interface Choice {
	/** The address given last. */
	readonly cursor?: IpAddress | undefined;
	readonly blocks: readonly FreeBlock[];
}

/** The first address in the order of {@link roundRobin} that is free in one of the blocks. */
export function firstFree(
	set: RangeSet,
	{ cursor, blocks }: Choice,
): { readonly address: IpAddress; readonly block: FreeBlock } | undefined {
	const family = familyOf(set);
	const sorted = blocks
		.filter(({ network, free }) => network.family === family && free !== 0n)
		.sort((a, b) => (a.network.value < b.network.value ? -1 : 1));
	if (sorted.length === 0) return undefined;
	for (const span of roundRobin(set, cursor)) {
		for (const block of sorted) {
			const value = firstWithin(span, block);
			if (value !== undefined) return { address: { family, value }, block };
		}
	}
	return undefined;
}

function firstWithin({ first, last }: Span, block: FreeBlock): bigint | undefined {
	const base = block.network.value;
	const size = blockSize(block);
	const from = first > base ? first - base : 0n;
	const to = last - base + 1n < size ? last - base + 1n : size;
	if (from >= to) return undefined;
	const free = BigInt.asUintN(Number(to), block.free) >> from;
	return free === 0n ? undefined : base + from + lowestBit(free);
}

/** How many zeros a number ends in. */
function lowestBit(bits: bigint): bigint {
	return BigInt((bits & -bits).toString(2).length - 1);
}

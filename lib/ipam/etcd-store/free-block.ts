import type { IpAddress } from "../../ip/address.ts";
import { familyOf, type RangeSet } from "../range-set.ts";
import { roundRobin, type Span } from "../round-robin.ts";
import { type Block, blockSize } from "./block.ts";

/** A block, and which of its addresses are free: a digit for each in their order, `1` for a free one, `0` for another. */
export interface FreeBlock extends Block {
	readonly free: string;
}

/** Every address of the block. */
export function allOf(block: Block): string {
	return "1".repeat(Number(blockSize(block)));
}

/** None of these, as far as they lie in the block. */
export function allBut(block: Block, addresses: readonly IpAddress[]): string {
	const digits = Array.from(allOf(block));
	for (const address of addresses) {
		const place = placeIn(block, address);
		if (place >= 0) digits[place] = "0";
	}
	return digits.join("");
}

/** The same digits without the one at `place`. */
export function without(free: string, place: number): string {
	return `${free.slice(0, place)}0${free.slice(place + 1)}`;
}

/** Which digit is that of an address; -1 for one outside the block. */
export function placeIn(block: Block, { family, value }: IpAddress): number {
	const place = value - block.network.value;
	return family === block.network.family && place >= 0n && place < blockSize(block) ? Number(place) : -1;
}

export interface Choice<B> {
	/** The address given last. */
	readonly cursor?: IpAddress | undefined;
	/** In the order of their addresses. */
	readonly blocks: readonly B[];
}

/** The first address in the order of {@link roundRobin} that is free in one of the blocks. */
export function firstFree<B extends FreeBlock>(
	set: RangeSet,
	{ cursor, blocks }: Choice<B>,
): { readonly address: IpAddress; readonly block: B } | undefined {
	if (blocks.length === 0) return undefined;
	const family = familyOf(set);
	for (const span of roundRobin(set, cursor)) {
		for (const block of blocks) {
			const place = block.network.family === family ? firstWithin(span, block) : -1;
			if (place >= 0) return { address: { family, value: block.network.value + BigInt(place) }, block };
		}
	}
	return undefined;
}

function firstWithin({ first, last }: Span, { network, free }: FreeBlock): number {
	const base = network.value;
	const place = free.indexOf("1", first > base ? Number(first - base) : 0);
	return place >= 0 && BigInt(place) <= last - base ? place : -1;
}

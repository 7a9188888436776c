import { bitsOf, type Family, type IpAddress, lastAddressOf, networkOf, sameAddress } from "../../ip/address.ts";
import type { AddressRange } from "../range.ts";
import { familyOf, type RangeSet } from "../range-set.ts";
import { type AddressSpan, addressName, addressOfKey } from "./address-name.ts";

/** Addresses that an agent takes together, to hand them out one by one: a prefix, which may stick out of the ranges. */
export interface Block {
	readonly network: IpAddress;
	readonly length: number;
}

/** Prefix lengths of blocks. */
export type BlockLengths = Readonly<Record<Family, number>>;

export function blockOf(address: IpAddress, lengths: BlockLengths): Block {
	const length = lengths[address.family];
	return { network: networkOf({ address, length }).address, length };
}

export function spanOf({ network, length }: Block): AddressSpan {
	return { first: network, last: lastAddressOf({ address: network, length }) };
}

/** How many addresses a block has. */
export function blockSize({ network, length }: Block): bigint {
	return 1n << BigInt(bitsOf(network.family) - length);
}

/** `4-0a010000-26`. */
export function blockName({ network, length }: Block): string {
	return `${addressName(network)}-${length}`;
}

/** The inverse of {@link blockName}, also for a key that ends in it. */
export function parseBlock(key: string): Block | undefined {
	const end = key.lastIndexOf("-");
	const network = addressOfKey(key.slice(0, end));
	const length = Number(key.slice(end + 1));
	return network === undefined || !(length <= bitsOf(network.family)) ? undefined : { network, length };
}

/** Whether an address of the set may lie in the block. */
export function blockMeets(block: Block, set: RangeSet): boolean {
	return block.network.family === familyOf(set) && set.some((range) => rangeMeets(range, spanOf(block)));
}

function rangeMeets({ start, end }: AddressRange, { first, last }: AddressSpan): boolean {
	return start.value <= last.value && end.value >= first.value;
}

export function sameBlock(a: Block, b: Block): boolean {
	return a.length === b.length && sameAddress(a.network, b.network);
}

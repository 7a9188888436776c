import type { IpAddress } from "../ip/address.ts";
import { type AddressRange, rangeContains } from "./range.ts";
import type { RangeSet } from "./range-set.ts";

/** Consecutive addresses that may be handed out, both ends included. */
export interface Span {
	readonly first: bigint;
	readonly last: bigint;
}

/**
 * The order in which addresses of a set are tried: from the one after `cursor` (the address given last) to the end of
 * its range, through the following ranges, and around to the cursor itself, which is tried last. Without a cursor of
 * this set, from the first range's start. Each range's own gateway is left out.
 *
 * A range is a span, never a loop: an IPv6 /64 has as many spans as a /24.
 * As a rule the first one is enough, and the others are never made.
 */
export function* roundRobin(set: RangeSet, cursor: IpAddress | undefined): Generator<Span, void> {
	const current = cursor === undefined ? -1 : set.findIndex((range) => rangeContains(range, cursor));
	const range = set[current];
	if (cursor === undefined || range === undefined) {
		yield* wholly(set);
		return;
	}
	yield* usable(range, { first: cursor.value + 1n, last: range.end.value });
	yield* wholly(set.slice(current + 1));
	yield* wholly(set.slice(0, current));
	yield* usable(range, { first: range.start.value, last: cursor.value });
}

function* wholly(ranges: readonly AddressRange[]): Generator<Span, void> {
	for (const range of ranges) yield* usable(range, { first: range.start.value, last: range.end.value });
}

/** The span without its range's gateway: none, one or two spans. */
function usable({ start, gateway }: AddressRange, span: Span): readonly Span[] {
	const { first, last } = span;
	const { family, value } = gateway;
	const isSplit = family === start.family && value >= first && value <= last;
	if (!isSplit) return first <= last ? [span] : [];
	const parts = [
		{ first, last: value - 1n },
		{ first: value + 1n, last },
	];
	return parts.filter((part) => part.first <= part.last);
}

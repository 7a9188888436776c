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
 */
export function roundRobin(set: RangeSet, cursor: IpAddress | undefined): readonly Span[] {
	const current = cursor === undefined ? -1 : set.findIndex((range) => rangeContains(range, cursor));
	const range = set[current];
	if (cursor === undefined || range === undefined) return wholly(set);
	const { first, last } = spanOf(range);
	return [
		...usable(range, { first: cursor.value + 1n, last }),
		...wholly(set.slice(current + 1)),
		...wholly(set.slice(0, current)),
		...usable(range, { first, last: cursor.value }),
	];
}

function wholly(ranges: readonly AddressRange[]): readonly Span[] {
	const spans: Span[] = [];
	for (const range of ranges) spans.push(...usable(range, spanOf(range)));
	return spans;
}

function spanOf({ start, end }: AddressRange): Span {
	return { first: start.value, last: end.value };
}

/** The span without its range's gateway: none, one or two spans. */
function usable({ start, gateway }: AddressRange, { first, last }: Span): readonly Span[] {
	const split = gateway.family === start.family && gateway.value >= first && gateway.value <= last;
	const spans = split
		? [
				{ first, last: gateway.value - 1n },
				{ first: gateway.value + 1n, last },
			]
		: [{ first, last }];
	return spans.filter((span) => span.first <= span.last);
}

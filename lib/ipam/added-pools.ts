import type { IpPrefix } from "../ip/address.ts";
import { type AddressRange, formatRange, rangesOverlap } from "./range.ts";
import { familyOf, type RangeSet } from "./range-set.ts";

/** A range that a network has for all agents of a cluster, beside what their configurations say. */
export interface AddedPool {
	readonly range: AddressRange;
	/** As the store keeps it: a pool of another text is another one. */
	readonly text: string;
}

/** What a store that several agents share knows of them. */
export interface AddedPools {
	/** As they were heard of last; asks nobody. @throws SystemError */
	known(): readonly AddedPool[];
	/** Asks. */
	learn(): Promise<readonly AddedPool[]>;
	/** Gateways of pools that this host has ever known, removed ones too, with the lengths of their subnets. @throws SystemError */
	gateways(): readonly IpPrefix[];
	/** How an operator adds one. */
	readonly remedy: string;
}

/**
 * The sets of a network with its pools: each extends the first set of its family.
 *
 * @param options.firstOwn the first set that the configuration has itself: what a caller asks for is not extended
 */
export function extendSets(
	sets: readonly RangeSet[],
	{ pools, firstOwn = 0 }: { readonly pools: readonly AddedPool[]; readonly firstOwn?: number | undefined },
): readonly RangeSet[] {
	if (pools.length === 0) return sets;
	const extended = [...sets];
	for (const { range } of pools) {
		if (objectionTo(range, { sets: extended, firstOwn }) !== undefined) continue;
		const index = indexOfFamily(range, { sets: extended, firstOwn });
		extended[index] = [...(extended[index] ?? []), range];
	}
	return extended;
}

/** Why a range cannot extend any of the sets; undefined when it can. */
export function objectionTo(
	range: AddressRange,
	{ sets, firstOwn = 0 }: { readonly sets: readonly RangeSet[]; readonly firstOwn?: number },
): string | undefined {
	if (indexOfFamily(range, { sets, firstOwn }) < 0) {
		return `the network has no IPv${range.start.family} range set that it could extend`;
	}
	const other = sets.flat().find((each) => rangesOverlap(each, range));
	return other === undefined ? undefined : `it overlaps ${formatRange(other)}`;
}

export function samePools(a: readonly AddedPool[], b: readonly AddedPool[]): boolean {
	return a.length === b.length && a.every(({ text }, index) => text === b[index]?.text);
}

function indexOfFamily(
	{ start }: AddressRange,
	{ sets, firstOwn }: { readonly sets: readonly RangeSet[]; readonly firstOwn: number },
): number {
	return sets.findIndex((set, index) => index >= firstOwn && familyOf(set) === start.family);
}

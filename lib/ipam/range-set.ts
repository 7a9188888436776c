import { CniError, ErrorCode } from "../cni/error.ts";
import { type Family, formatAddress, type IpAddress } from "../ip/address.ts";
import {
	type AddressRange,
	formatRange,
	parseRange,
	type RangeText,
	rangeContains,
	rangeSize,
	rangesOverlap,
} from "./range.ts";

/** Ranges of one family that together give one address; never empty, no two overlap. */
export type RangeSet = readonly AddressRange[];

/** @throws CniError code 7 */
export function parseRangeSet(texts: readonly RangeText[]): RangeSet {
	if (texts.length === 0) throw invalid("empty range set");
	const set = texts.map(parseRange);
	const family = familyOf(set);
	if (set.some((range) => range.subnet.address.family !== family)) throw invalid("mixed address families");
	for (const [index, range] of set.entries()) {
		const other = set.slice(index + 1).find((later) => rangesOverlap(range, later));
		if (other !== undefined) throw invalid(`subnets ${formatRange(range)} and ${formatRange(other)} overlap`);
	}
	return set;
}

/** The range of the set that contains the address, or undefined. */
export function rangeOf(set: RangeSet, address: IpAddress): AddressRange | undefined {
	return set.find((range) => rangeContains(range, address));
}

/** The range of the set that contains the address. @throws CniError code 7 */
export function requireRangeOf(set: RangeSet, address: IpAddress): AddressRange {
	const range = rangeOf(set, address);
	if (range === undefined) throw invalid(`${formatAddress(address)} not in range set ${formatRangeSet(set)}`);
	return range;
}

/** Whether a range of one overlaps a range of the other. */
export function setsOverlap(a: RangeSet, b: RangeSet): boolean {
	return a.some((range) => b.some((other) => rangesOverlap(range, other)));
}

/** How many addresses the set can hand out. */
export function setSize(set: RangeSet): bigint {
	return set.reduce((sum, range) => sum + rangeSize(range), 0n);
}

export function familyOf(set: RangeSet): Family {
	return set[0]?.subnet.address.family ?? 4;
}

/** `<start>-<end>,<start>-<end>`. */
export function formatRangeSet(set: RangeSet): string {
	return set.map(formatRange).join(",");
}

function invalid(msg: string): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, msg);
}

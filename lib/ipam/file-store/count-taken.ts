import { sameAddress } from "../../ip/address.ts";
import { type RangeSet, rangeOf } from "../range-set.ts";
import { namesIn } from "./files.ts";
import { addressOfName } from "./reservation.ts";

/** How many addresses that the set could hand out are reserved: from the names alone, without reading the files. */
export function countTaken(directory: string, set: RangeSet): number {
	let count = 0;
	for (const name of namesIn(directory)) {
		const address = addressOfName(name);
		const range = address === undefined ? undefined : rangeOf(set, address);
		if (range !== undefined && !sameAddress(range.gateway, address)) count++;
	}
	return count;
}

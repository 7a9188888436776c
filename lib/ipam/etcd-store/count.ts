import { type KeyRange, transact } from "../../etcd/kv.ts";
import type { RangeSet } from "../range-set.ts";
import type { AddressSpan } from "./address-name.ts";
import type { Store } from "./store.ts";

/** How many addresses of the set are held. */
export function countHeld({ gateway, layout }: Store, set: RangeSet): Promise<number> {
	return count(gateway, { set, keysOf: (span) => layout.addresses(span) });
}

/** How many rest, or have rested. */
export function countResting({ gateway, layout }: Store, set: RangeSet): Promise<number> {
	return count(gateway, { set, keysOf: (span) => layout.restingIn(span) });
}

async function count(
	gateway: Store["gateway"],
	{ set, keysOf }: { set: RangeSet; keysOf: (span: AddressSpan) => KeyRange },
): Promise<number> {
	let sum = 0;
	for (let at = 0; at < set.length; at += mostRanges) {
		const { reads } = await transact(gateway, {
			success: set
				.slice(at, at + mostRanges)
				.map(({ start, end }) => ({ read: keysOf({ first: start, last: end }), only: "count" })),
		});
		sum += reads.reduce((part, answer) => part + answer.count, 0);
	}
	return sum;
}

/** A transaction has 128 operations at most. */
const mostRanges = 128;

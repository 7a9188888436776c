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
	const { reads } = await transact(gateway, {
		success: set.map(({ start, end }) => ({ read: keysOf({ first: start, last: end }), only: "count" })),
	});
	return reads.reduce((sum, answer) => sum + answer.count, 0);
}

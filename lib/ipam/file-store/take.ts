import { formatAddress, type IpAddress } from "../../ip/address.ts";
import { familyOf, type RangeSet, setSize } from "../range-set.ts";
import { roundRobin, type Span } from "../round-robin.ts";
import { countTaken } from "./count-taken.ts";
import { readCursor } from "./cursor.ts";
import { readText, removeFile } from "./files.ts";
import { parseReservation } from "./reservation.ts";
import type { ReservationIndex } from "./reservation-index.ts";

export interface TakeTarget {
	readonly directory: string;
	readonly index: ReservationIndex;
	readonly pending: { link(path: string): boolean };
}

/** Reserves this address. False when somebody holds it. */
export function take({ directory, pending }: TakeTarget, address: IpAddress): boolean {
	const path = `${directory}/${formatAddress(address)}`;
	if (pending.link(path)) return true;
	// Only what is surely no reservation makes way: an empty file, which was left by a crash (layout.ts).
	const text = readText(path);
	if (text === undefined || parseReservation(text) !== undefined) return false;
	removeFile(path);
	return pending.link(path);
}

/**
 * Reserves the next address of the set in the order of {@link roundRobin}. When no clean one is left, those that have
 * rested long enough; then, after reading the directory anew, what the index had wrong; then the one released longest
 * ago. Undefined when every address of the set is reserved.
 */
export function takeAny(
	target: TakeTarget,
	{ set, setIndex }: { set: RangeSet; setIndex: number },
): IpAddress | undefined {
	const { index, directory } = target;
	const cursor = readCursor(directory, setIndex);
	const walk = () => takeFirst(target, { set, spans: roundRobin(set, cursor) });
	const clean = walk();
	if (clean !== undefined) return clean;
	const free = setSize(set) - BigInt(countTaken(directory, set));
	if (free === 0n) return undefined;
	const spans = [...roundRobin(set, cursor)];
	const resting = index.endCooldowns().filter(({ address }) => isIn(spans, { set, address }));
	const reread = () => (index.rebuild() ? walk() : undefined);
	return (
		walk() ??
		(BigInt(resting.length) < free ? reread() : undefined) ??
		resting.find(({ address }) => take(target, address))?.address ??
		reread()
	);
}

function takeFirst(
	target: TakeTarget,
	{ set, spans }: { set: RangeSet; spans: Iterable<Span> },
): IpAddress | undefined {
	const family = familyOf(set);
	for (const { first, last } of spans) {
		let value = target.index.nextFree(family, { first, last });
		while (value !== undefined) {
			const address: IpAddress = { family, value };
			if (take(target, address)) return address;
			target.index.markTaken(address);
			value = target.index.nextFree(family, { first: value + 1n, last });
		}
	}
	return undefined;
}

/** Whether the address may be handed out: a gateway may have rested since before it was one. */
function isIn(spans: readonly Span[], { set, address }: { set: RangeSet; address: IpAddress }): boolean {
	const { family, value } = address;
	return family === familyOf(set) && spans.some(({ first, last }) => value >= first && value <= last);
}

import type { Attachment } from "../../cni/plugin.ts";
import { type Family, formatAddress, type IpAddress } from "../../ip/address.ts";
import { addCooling, type CoolingAddress, coolingAddresses, forgetCooling, writeCooling } from "./cooling-log.ts";
import { openStamp } from "./freshness.ts";
import type { Layout } from "./layout.ts";
import { addLines, linesOfContainer, rebuildOwners, removeLines } from "./owner-index.ts";
import { sweepPending } from "./pending.ts";
import { holderOf, type ScannedReservation, scanReservations } from "./reservation.ts";
import { createTakenIndex } from "./taken-index.ts";

/**
 * What we know about the directory without reading it whole. To be opened and used under the lock. A change of the
 * reservations comes first, then the index learns of it, then the stamp: so a crash in between leaves an index that is
 * known to be stale.
 */
export interface ReservationIndex {
	/** What the owner holds, each verified in its file; where nothing is exactly its own, what its container holds. */
	heldBy(owner: Attachment): readonly IpAddress[];
	/** The first address that is likely to be free. */
	nextFree(family: Family, span: { first: bigint; last: bigint }): bigint | undefined;
	/** An address that the hint missed. */
	markTaken(address: IpAddress): void;
	added(owner: Attachment, addresses: readonly TakenAddress[]): void;
	/** `rests` starts the cooldown of the addresses. */
	removed(owner: Attachment, change: { addresses: readonly IpAddress[]; rests: boolean }): void;
	/** What changed since was taken back. */
	unchanged(): void;
	/** Reads the directory anew, unless this was done since the index was opened. Whether it was done now. */
	rebuild(): boolean;
	/** Ends the rest of those that have rested long enough; returns the others, the one released longest ago first. */
	endCooldowns(): readonly CoolingAddress[];
	/** Starts the cooldown of released addresses of which the index knows nothing any more. */
	rest(addresses: readonly IpAddress[]): void;
}

export interface TakenAddress {
	readonly address: IpAddress;
	readonly requested: boolean;
}

export interface IndexOptions {
	readonly cooldownMs: number;
	readonly now: () => number;
	/** What the directory holds, for a caller that has read it. */
	readonly scanned?: readonly ScannedReservation[];
}

export function openIndex(layout: Layout, { cooldownMs, now, scanned }: IndexOptions): ReservationIndex {
	const taken = createTakenIndex(layout.taken);
	const stamp = openStamp(layout);
	/** The directory as it was read in this call: it serves even when nothing can be written beside it. */
	let scan: readonly ScannedReservation[] | undefined;

	const isResting = ({ releasedAt }: CoolingAddress) => now() - releasedAt < cooldownMs;

	let isComplete = true;

	/** Whatever fails here costs time later and nothing else: the stamp does not fit then, nor after later changes. */
	function learn(change: () => void): void {
		const learnt = attempt(change);
		isComplete &&= learnt;
		if (isComplete) attempt(() => stamp.renew());
	}

	function startRest(addresses: readonly IpAddress[]): void {
		const releasedAt = now();
		const entries = addresses.map((address) => ({ address, releasedAt }));
		for (const address of addCooling(layout, { entries, cooldownMs })) taken.unmark(address);
		for (const address of addresses) taken.mark(address);
	}

	function learnAll(found: readonly ScannedReservation[]): void {
		scan = found.filter(({ owner }) => owner !== undefined);
		const reserved = scan;
		learn(() => {
			sweepPending(layout.pending);
			if (cooldownMs === 0) forgetCooling(layout);
			const resting = cooldownMs === 0 ? [] : coolingAddresses(layout).filter(isResting);
			taken.rebuild(reserved.map(addressOf), resting.map(addressOf));
			rebuildOwners(layout.owners, reserved);
		});
	}

	if (scanned !== undefined) learnAll(scanned);
	else if (!stamp.fits()) learnAll(scanReservations(layout.directory));

	return {
		heldBy: (owner) => holdings(owner, scan ?? readHoldings(layout, owner.containerId)),
		nextFree: taken.nextFree,
		markTaken(address) {
			attempt(() => taken.mark(address));
		},
		added(owner, addresses) {
			learn(() => {
				for (const { address, requested } of addresses) taken.mark(address, { sparse: requested });
				addLines(layout.owners, { owner, addresses: addresses.map(({ address }) => formatAddress(address)) });
			});
		},
		removed({ containerId }, { addresses, rests }) {
			learn(() => {
				removeLines(layout.owners, { containerId, addresses: addresses.map(formatAddress) });
				if (rests && cooldownMs > 0) startRest(addresses);
				else for (const address of addresses) taken.unmark(address);
			});
		},
		unchanged: () => learn(() => {}),
		rebuild() {
			if (scan !== undefined) return false;
			learnAll(scanReservations(layout.directory));
			return true;
		},
		endCooldowns() {
			const entries = coolingAddresses(layout);
			const resting = entries.filter(isResting);
			attempt(() => {
				for (const { address } of entries.filter((entry) => !isResting(entry))) taken.unmark(address);
				if (resting.length < entries.length) writeCooling(layout, resting);
			});
			return resting;
		},
		rest(addresses) {
			if (cooldownMs === 0 || addresses.length === 0) return;
			learn(() => startRest(addresses));
		},
	};
}

function addressOf({ address }: { readonly address: IpAddress }): IpAddress {
	return address;
}

type Holding = Pick<ScannedReservation, "address" | "owner">;

/** Reads the reservations that the index knows of a container. */
function readHoldings({ directory, owners }: Layout, containerId: string): readonly Holding[] {
	return linesOfContainer(owners, containerId).map(({ name, address }) => ({
		address,
		owner: holderOf(directory, name),
	}));
}

/** Those of the owner; where there are none, those of its container for which no interface is known. */
function holdings({ containerId, ifName }: Attachment, all: readonly Holding[]): readonly IpAddress[] {
	const isOf = ({ owner }: Holding, name: string) =>
		owner !== "unreadable" && owner?.containerId === containerId && owner.ifName === name;
	const of = (name: string) => all.filter((holding) => isOf(holding, name)).map(addressOf);
	const own = of(ifName);
	return own.length > 0 ? own : of("");
}

/** Whether it could be done. What could not be written beside is one more thing that the next caller finds out. */
function attempt(action: () => void): boolean {
	try {
		action();
		return true;
	} catch {
		return false;
	}
}

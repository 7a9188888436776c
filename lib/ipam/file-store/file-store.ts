import { everyOne } from "../../cni/every-one.ts";
import type { Attachment } from "../../cni/plugin.ts";
import { formatAddress, type IpAddress, sameAddress } from "../../ip/address.ts";
import { unlessAbsent } from "../../linux/absent.ts";
import { Errno, errnoOf } from "../../linux/errno.ts";
import { makeDirectories } from "../../linux/files.ts";
import { rangeOf } from "../range-set.ts";
import type { IpamStore, Reservation, ReserveOutcome, Wish } from "../store.ts";
import { hasTags, noTags, type Tags } from "../tags.ts";
import { countTaken } from "./count-taken.ts";
import { writeCursor } from "./cursor.ts";
import { removeFile } from "./files.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { preparePending, sweepPending } from "./pending.ts";
import { holderOf, reservationText, type ScannedReservation, scanReservations } from "./reservation.ts";
import { openIndex, type ReservationIndex, type TakenAddress } from "./reservation-index.ts";
import { createTagFiles, type TagFiles } from "./tag-files.ts";
import { take, takeAny } from "./take.ts";

export interface FileStoreOptions {
	/** Relative to the working directory if it is not absolute. */
	readonly dataDir: string;
	/** The network's name, validated. */
	readonly network: string;
	/** How long a released address rests; 0 is not at all. */
	readonly cooldownMs: number;
	/** Takes flock(2) on a file, which it creates; throws with errno ENOENT when there is no such directory. */
	readonly lock: (path: string) => Disposable;
	/** Milliseconds since the epoch. */
	readonly now?: () => number;
}

/** The store in files that the reference's host-local shares; see layout.ts. */
export function createFileStore(options: FileStoreOptions): IpamStore {
	const { now = Date.now, cooldownMs, lock } = options;
	const layout = layoutOf(options.dataDir, options.network);
	const tagFiles = createTagFiles(layout.tags);
	const open = () => openIndex(layout, { cooldownMs, now });

	/** Under the lock; `otherwise` when the network has no directory, and so no reservation. */
	function locked<T>(otherwise: T, work: () => T): T {
		const held = lockExisting(layout, lock);
		if (held === undefined) return otherwise;
		using _held = held;
		return work();
	}

	function free(
		owner: Attachment,
		{ only, rests }: { only?: readonly IpAddress[]; rests: boolean },
	): readonly IpAddress[] {
		// Also where an ADD was killed before it made the network's directory.
		sweepPending(layout.pending);
		const freed = locked<readonly IpAddress[]>([], () => {
			const index = open();
			const chosen = (address: IpAddress) => only === undefined || only.some((other) => sameAddress(other, address));
			const addresses = index.heldBy(trimmed(owner)).filter(chosen);
			if (addresses.length === 0) return addresses;
			everyOne(
				addresses.map((address) => pathOf(layout, address)),
				removeFile,
			);
			index.removed(trimmed(owner), { addresses, rests });
			return addresses;
		});
		tagFiles.remove(trimmed(owner));
		return freed;
	}

	return {
		reserve(owner, wishes, tags = noTags) {
			using pending = preparePending(layout.pending, reservationText(owner));
			using _held = lockCreating(layout, lock);
			return reserveAll({ layout, index: open(), owner: trimmed(owner), wishes, pending, tagFiles, tags });
		},
		release: (owner) => free(owner, { rests: true }),
		unreserve(owner, addresses) {
			free(owner, { only: addresses, rests: false });
		},
		find: (owner) => locked([], () => open().heldBy(trimmed(owner))),
		holderOf: (address) => holderOf(layout.directory, formatAddress(address)),
		list() {
			return locked([], () => {
				const tagsOf = tagFiles.readAll();
				return scanReservations(layout.directory).flatMap((reservation) => owned(reservation, tagsOf));
			});
		},
		reclaim(isValid) {
			sweepPending(layout.pending);
			return locked([], () => {
				const scanned = scanReservations(layout.directory);
				const isStale = ({ owner }: ScannedReservation) => owner !== "unreadable" && !(owner && isValid(owner));
				everyOne(
					scanned.filter(isStale).map(({ name }) => `${layout.directory}/${name}`),
					removeFile,
				);
				tagFiles.retain(isValid);
				const removed = scanned.filter(isStale).flatMap((reservation) => owned(reservation));
				const kept = scanned.filter((reservation) => !isStale(reservation));
				openIndex(layout, { cooldownMs, now, scanned: kept }).rest(removed.map(({ address }) => address));
				return removed;
			});
		},
		countTaken: (set) => locked(0, () => countTaken(layout.directory, set)),
	};
}

interface ReserveContext {
	readonly layout: Layout;
	readonly index: ReservationIndex;
	readonly owner: Attachment;
	readonly wishes: readonly Wish[];
	readonly pending: { link(path: string): boolean };
	readonly tagFiles: TagFiles;
	readonly tags: Tags;
}

function reserveAll(context: ReserveContext): ReserveOutcome {
	const { layout, index, owner, wishes, pending, tagFiles, tags } = context;
	const duplicate = findDuplicate(context);
	if (duplicate !== undefined) return duplicate;
	const made: (TakenAddress & { readonly setIndex: number })[] = [];
	let complete = false;
	try {
		if (hasTags(tags)) tagFiles.write(owner, tags);
		for (const [wish, { set, setIndex, requested }] of wishes.entries()) {
			const target = { directory: layout.directory, index, pending };
			if (requested !== undefined && !take(target, requested)) {
				const holder = holderOf(layout.directory, formatAddress(requested));
				return { kind: "taken", wish, address: requested, holder };
			}
			const address = requested ?? takeAny(target, { set, setIndex });
			if (address === undefined) return { kind: "exhausted", wish, taken: countTaken(layout.directory, set) };
			made.push({ address, requested: requested !== undefined, setIndex });
		}
		for (const { setIndex, address } of made) writeCursor(layout.directory, { setIndex, address });
		complete = true;
	} finally {
		if (!complete && hasTags(tags)) tagFiles.remove(owner);
		if (!complete && made.length > 0) {
			everyOne(
				made.map(({ address }) => pathOf(layout, address)),
				removeFile,
			);
			index.unchanged();
		}
	}
	index.added(owner, made);
	return { kind: "reserved", addresses: made.map(({ address }) => address) };
}

function findDuplicate({ index, owner, wishes }: ReserveContext): ReserveOutcome | undefined {
	const held = index.heldBy(owner);
	for (const [wish, { set }] of wishes.entries()) {
		const address = held.find((candidate) => rangeOf(set, candidate) !== undefined);
		if (address !== undefined) return { kind: "duplicate", wish, address };
	}
	return undefined;
}

function lockCreating({ directory, lock: path }: Layout, lock: FileStoreOptions["lock"]): Disposable {
	try {
		return lock(path);
	} catch (thrown) {
		if (errnoOf(thrown) !== Errno.ENOENT) throw thrown;
		makeDirectories(directory);
		return lock(path);
	}
}

/** Whatever has the place of dataDir, and is no directory, holds no reservation. */
function lockExisting({ lock: path }: Layout, lock: FileStoreOptions["lock"]): Disposable | undefined {
	return unlessAbsent(() => lock(path));
}

function pathOf({ directory }: Layout, address: IpAddress): string {
	return `${directory}/${formatAddress(address)}`;
}

/** The reservation, where its owner is known. */
function owned({ address, owner }: ScannedReservation, tagsOf?: (owner: Attachment) => Tags): readonly Reservation[] {
	if (owner === undefined || owner === "unreadable") return [];
	return [{ address, owner, tags: tagsOf?.(owner) ?? noTags }];
}

function trimmed({ containerId, ifName }: Attachment): Attachment {
	return { containerId: containerId.trim(), ifName };
}

import { type Attachment, sameAttachment } from "../../cni/plugin.ts";
import { EtcdError } from "../../etcd/error.ts";
import { type KeyValue, read, readPages, transact } from "../../etcd/kv.ts";
import type { IpAddress } from "../../ip/address.ts";
import type { AddedPools } from "../added-pools.ts";
import type { RangeSet } from "../range-set.ts";
import type { IpamStore, Reservation, ReserveOutcome, Wish } from "../store.ts";
import { noTags } from "../tags.ts";
import { addressOfKey } from "./address-name.ts";
import { doubted, owning } from "./beliefs.ts";
import { blockName, parseBlock, spanOf } from "./block.ts";
import { countHeld } from "./count.ts";
import { namesOf } from "./hint.ts";
import { addToJournal, countEntries, replay, settle } from "./journal.ts";
import { attachmentOfKey } from "./layout.ts";
import type { EtcdStoreOptions } from "./options.ts";
import { readPools } from "./pool-key.ts";
import { type AddressRecord, parseOwner, parseRecord } from "./record.ts";
import { giveBack, release } from "./release.ts";
import { reserve } from "./reserve.ts";
import { openStore, type Store } from "./store.ts";

/**
 * The store that the agents of a cluster share; see layout.ts. Of the methods of the seam `list` and `countTaken` speak for
 * the whole network, the others for this agent.
 *
 * While etcd is away `release` and `unreserve` succeed: what they were to do is kept, and done by a later call. The others
 * throw EtcdError.
 */
export function createEtcdStore(options: EtcdStoreOptions): IpamStore {
	return new EtcdStore(openStore(options));
}

class EtcdStore implements IpamStore {
	private readonly store: Store;

	constructor(store: Store) {
		this.store = store;
	}

	async reserve(owner: Attachment, wishes: readonly Wish[], tags = noTags): Promise<ReserveOutcome> {
		const { store } = this;
		if (countEntries(store) > 0) {
			await settle(store, owner);
			await replay(store);
		}
		try {
			return await reserve(store, { owner, wishes, tags });
		} catch (thrown) {
			if (!(thrown instanceof EtcdError)) throw thrown;
			if (thrown.unsure) addToJournal(store, owner);
			// What it was about to take is free as before.
			store.hint.note((hint) => doubted(hint, namesOf(hint)));
			throw thrown;
		}
	}

	release(owner: Attachment): Promise<readonly IpAddress[]> {
		const { store } = this;
		const work = async () => {
			await replay(store);
			return await release(store, owner, { rests: true });
		};
		return orLater(store, { owner, work });
	}

	async unreserve(owner: Attachment, only?: readonly IpAddress[]): Promise<void> {
		await orLater(this.store, { owner, work: () => release(this.store, owner, { only, rests: false }) });
	}

	async find(owner: Attachment): Promise<readonly IpAddress[]> {
		const { gateway, layout, options } = this.store;
		const { found } = await read(gateway, { key: layout.owner(options.agent, owner) });
		const claimed = parseOwner(found[0]?.value ?? "");
		const records = await recordsOf(this.store, claimed);
		const isOurs = (record: AddressRecord | undefined) =>
			record !== undefined && record.agent === options.agent && sameAttachment(record, owner);
		return claimed.filter((_, index) => isOurs(records[index]));
	}

	async holderOf(address: IpAddress): Promise<AddressRecord | undefined> {
		return (await recordsOf(this.store, [address]))[0];
	}

	async list(): Promise<readonly Reservation[]> {
		const { gateway, layout } = this.store;
		const all: Reservation[] = [];
		for await (const page of readPages(gateway, layout.allAddresses)) all.push(...page.flatMap(reservationOf));
		return all;
	}

	async reclaim(isValid: (owner: Attachment) => boolean): Promise<readonly Reservation[]> {
		const { store } = this;
		const { agent } = store.options;
		await replay(store);
		const stale: { readonly owner: Attachment; readonly seen: KeyValue }[] = [];
		for await (const page of readPages(store.gateway, store.layout.ownersOf(agent))) {
			for (const seen of page) {
				const owner = attachmentOfKey(seen.key);
				if (!isValid(owner)) stale.push({ owner, seen });
			}
		}
		const freed: Reservation[] = [];
		for (const { owner, seen } of stale) {
			const addresses = await release(store, owner, { seen, rests: true });
			freed.push(...addresses.map((address) => ({ address, owner, agent, tags: noTags })));
		}
		await tidy(store);
		return freed;
	}

	countTaken(set: RangeSet): Promise<number> {
		return countHeld(this.store, set);
	}

	get pools(): AddedPools {
		const { gateway, layout, options, pools } = this.store;
		return {
			known: () => pools.read(),
			async learn() {
				const learned = await readPools(gateway, layout);
				pools.note(learned);
				return learned;
			},
			gateways: () => pools.gateways(),
			remedy: remedyFor(options),
		};
	}
}

function remedyFor({ network, borrow }: EtcdStoreOptions): string {
	const remark = borrow ? "" : 'As "ipam.borrow" is off, blocks of other agents are left to them. ';
	return `${remark}Add addresses with \`cnictl ipam pool add ${network} SUBNET\``;
}

/** A release, which is noted where etcd cannot be told of it. */
async function orLater(
	store: Store,
	{ owner, work }: { owner: Attachment; work: () => Promise<readonly IpAddress[]> },
): Promise<readonly IpAddress[]> {
	try {
		return await work();
	} catch (thrown) {
		if (!(thrown instanceof EtcdError)) throw thrown;
		addToJournal(store, owner);
		store.options.postponed(owner, thrown);
		return [];
	}
}

async function recordsOf(
	{ gateway, layout }: Store,
	addresses: readonly IpAddress[],
): Promise<readonly (AddressRecord | undefined)[]> {
	if (addresses.length === 0) return [];
	const { reads } = await transact(gateway, {
		success: addresses.map((address) => ({ read: { key: layout.address(address) } })),
	});
	return reads.map(({ found }) => parseRecord(found[0]?.value ?? ""));
}

function reservationOf({ key, value, modRevision }: KeyValue): readonly Reservation[] {
	const address = addressOfKey(key);
	const record = parseRecord(value);
	if (address === undefined || record === undefined) return [];
	const { agent, time, containerId, ifName, labels, groups } = record;
	return [{ address, owner: { containerId, ifName }, tags: { labels, groups }, agent, time, sequence: modRevision }];
}

/** Gives back blocks that calls before have left empty, and lets the hint know of all others. */
async function tidy(store: Store): Promise<void> {
	const { gateway, layout, options, hint } = store;
	const { found } = await read(gateway, layout.blocksOf(options.agent), { only: "keys" });
	const blocks = found.flatMap(({ key }) => parseBlock(key) ?? []);
	hint.note((before) => owning(before, blocks.map(blockName)));
	for (const block of blocks) {
		const { reads } = await transact(gateway, { success: [{ read: layout.addresses(spanOf(block)), only: "count" }] });
		if (reads[0]?.count === 0) await giveBack(store, [block]);
	}
}

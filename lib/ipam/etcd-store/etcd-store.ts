import { type Attachment, sameAttachment } from "../../cni/plugin.ts";
import { EtcdError } from "../../etcd/error.ts";
import { type KeyValue, read, readPages, transact } from "../../etcd/kv.ts";
import type { IpAddress } from "../../ip/address.ts";
import type { IpamStore, Reservation } from "../store.ts";
import { noTags } from "../tags.ts";
import { addressOfKey } from "./address-name.ts";
import { doubted, owning } from "./beliefs.ts";
import { blockName, parseBlock, spanOf } from "./block.ts";
import { countHeld } from "./count.ts";
import { openJournal } from "./journal.ts";
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
	const { agent, postponed } = options;
	const store = openStore(options);
	const { gateway, layout } = store;
	const journal = openJournal(store);

	const orLater = async <T>(owner: Attachment, { work, otherwise }: { work: () => Promise<T>; otherwise: T }) => {
		try {
			return await work();
		} catch (thrown) {
			if (!(thrown instanceof EtcdError)) throw thrown;
			journal.add(owner);
			postponed(owner, thrown);
			return otherwise;
		}
	};

	return {
		async reserve(owner, wishes, tags = noTags) {
			if (journal.count() > 0) {
				await journal.settle(owner);
				await journal.replay();
			}
			try {
				return await reserve(store, { owner, wishes, tags });
			} catch (thrown) {
				if (!(thrown instanceof EtcdError)) throw thrown;
				if (thrown.unsure) journal.add(owner);
				// What it was about to take is free as before.
				store.hint.note((hint) => doubted(hint, Object.keys(hint.blocks)));
				throw thrown;
			}
		},
		release: (owner) =>
			orLater(owner, {
				async work() {
					await journal.replay();
					return await release(store, owner, { rests: true });
				},
				otherwise: [],
			}),
		async unreserve(owner, only) {
			await orLater(owner, { work: () => release(store, owner, { only, rests: false }), otherwise: [] });
		},
		async find(owner) {
			const { found } = await read(gateway, { key: layout.owner(agent, owner) });
			const claimed = parseOwner(found[0]?.value ?? "");
			const records = await recordsOf(store, claimed);
			const isOurs = (record: AddressRecord | undefined) =>
				record !== undefined && record.agent === agent && sameAttachment(record, owner);
			return claimed.filter((_, index) => isOurs(records[index]));
		},
		holderOf: async (address) => (await recordsOf(store, [address]))[0],
		async list() {
			const all: Reservation[] = [];
			for await (const page of readPages(gateway, layout.allAddresses)) all.push(...page.flatMap(reservationOf));
			return all;
		},
		async reclaim(isValid) {
			await journal.replay();
			const stale: { readonly owner: Attachment; readonly seen: KeyValue }[] = [];
			for await (const page of readPages(gateway, layout.ownersOf(agent))) {
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
		},
		countTaken: (set) => countHeld(store, set),
		pools: {
			known: store.pools.read,
			async learn() {
				const pools = await readPools(gateway, layout);
				store.pools.note(pools);
				return pools;
			},
			gateways: store.pools.gateways,
			remedy: `${options.borrow ? "" : 'As "ipam.borrow" is off, blocks of other agents are left to them. '}Add addresses with \`cnictl ipam pool add ${options.network} SUBNET\``,
		},
	};
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

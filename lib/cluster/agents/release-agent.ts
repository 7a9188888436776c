import type { Attachment } from "../../cni/plugin.ts";
import type { Gateway } from "../../etcd/gateway.ts";
import { absent, type Compare, type KeyValue, type Operation, readPages, transact } from "../../etcd/kv.ts";
import type { IpAddress } from "../../ip/address.ts";
import { type Block, parseBlock } from "../../ipam/etcd-store/block.ts";
import { attachmentOfKey, layoutOf } from "../../ipam/etcd-store/layout.ts";
import { parseOwner, parseRecord } from "../../ipam/etcd-store/record.ts";
import type { AgentKeys } from "./keys.ts";
import type { SeenAgent } from "./mark.ts";

/** What one transaction has released. */
export type Released =
	| { readonly kind: "attachment"; readonly owner: Attachment; readonly addresses: readonly IpAddress[] }
	| { readonly kind: "block"; readonly block: Block };

export interface ReleaseAgentOptions {
	readonly keys: AgentKeys;
	readonly prefix: string;
	readonly network: string;
	/** With its mark: when that has changed, nothing more is released. */
	readonly seen: SeenAgent;
	/** Whether a sign of life stops it. */
	readonly unlessAlive: boolean;
	/** How long released addresses rest. */
	readonly cooldownMs: number;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
	/** Asked before each transaction: whether the agent is still taken for lost. */
	readonly isStillLost: () => boolean;
	/** Told after each transaction what it has released: by us, and by nobody else. */
	readonly released: (done: readonly Released[]) => void;
}

/**
 * Releases what a lost agent holds of one network: first its addresses, then its blocks.
 *
 * Every transaction compares the agent's key as it was seen, and that of its sign of life, so that an agent that comes
 * back stops it at once; and the key of every owner and address that it removes, so that of several services at it one does
 * each release, and none is done twice.
 *
 * @returns whether nothing is left; false when something has come between. @throws EtcdError
 */
export async function releaseAgent(gateway: Gateway, options: ReleaseAgentOptions): Promise<boolean> {
	const { prefix, network, seen } = options;
	const layout = layoutOf(prefix, network);
	for await (const page of readPages(gateway, layout.ownersOf(seen.agent))) {
		for (const batch of batches(page, operationsForOwner)) {
			if (!(await releaseOwners(gateway, { ...options, owners: batch }))) return false;
		}
	}
	for await (const page of readPages(gateway, layout.blocksOf(seen.agent))) {
		for (const batch of batches(page, () => operationsForBlock)) {
			if (!(await releaseBlocks(gateway, { ...options, indexed: batch }))) return false;
		}
	}
	return true;
}

/** etcd takes 128 compares and 128 operations in one transaction, unless it was told otherwise. */
const mostOperations = 120;
const operationsForBlock = 2;

/** The owner's key, and an address's and its rest. */
function operationsForOwner({ value }: KeyValue): number {
	return 1 + 2 * parseOwner(value).length;
}

function batches(keys: readonly KeyValue[], sizeOf: (kv: KeyValue) => number): readonly (readonly KeyValue[])[] {
	const all: KeyValue[][] = [];
	let room = 0;
	for (const kv of keys) {
		const size = sizeOf(kv);
		if (size > room) {
			all.push([]);
			room = mostOperations;
		}
		all.at(-1)?.push(kv);
		room -= size;
	}
	return all;
}

async function releaseOwners(
	gateway: Gateway,
	options: ReleaseAgentOptions & { readonly owners: readonly KeyValue[] },
): Promise<boolean> {
	const { prefix, network, seen, owners, cooldownMs, now, isStillLost, released } = options;
	const layout = layoutOf(prefix, network);
	const claimed = owners.flatMap(({ value }) => parseOwner(value));
	const { reads } = await transact(gateway, {
		success: claimed.map((address) => ({ read: { key: layout.address(address) } })),
	});
	const held = new Map(reads.flatMap(({ found }) => found.map((kv) => [kv.key, kv] as const)));
	const until = String(now() + cooldownMs);
	const parts = owners.map((kv) => {
		const owner = attachmentOfKey(kv.key);
		// Where an owner claims what is somebody else's, that is left to him: `cnictl ipam check` tells of it.
		const own = parseOwner(kv.value).flatMap((address) => {
			const found = held.get(layout.address(address));
			const record = parseRecord(found?.value ?? "");
			const isOwn =
				record?.agent === seen.agent && record.containerId === owner.containerId && record.ifName === owner.ifName;
			return found !== undefined && isOwn ? [{ address, found }] : [];
		});
		return { kv, owner, own };
	});
	if (!isStillLost()) return false;
	const { succeeded } = await transact(gateway, {
		compare: [
			...conditions(options),
			...parts.flatMap(({ kv, own }) => [kv, ...own.map(({ found }) => found)].map(compareOf)),
		],
		success: parts.flatMap(({ kv, own }): readonly Operation[] => [
			{ remove: { key: kv.key } },
			...own.flatMap(({ address, found }): readonly Operation[] => [
				{ remove: { key: found.key } },
				...(cooldownMs > 0 ? [{ put: layout.resting(address), value: until }] : []),
			]),
		]),
	});
	if (!succeeded) return false;
	released(
		parts.map(({ owner, own }) => ({ kind: "attachment", owner, addresses: own.map(({ address }) => address) })),
	);
	return true;
}

async function releaseBlocks(
	gateway: Gateway,
	options: ReleaseAgentOptions & { readonly indexed: readonly KeyValue[] },
): Promise<boolean> {
	const { prefix, network, indexed, seen, isStillLost, released } = options;
	const layout = layoutOf(prefix, network);
	const blocks = indexed.flatMap(({ key }) => parseBlock(key) ?? []);
	const { reads } = await transact(gateway, {
		success: blocks.map((block) => ({ read: { key: layout.block(block) } })),
	});
	const own = blocks.flatMap((block, index) => {
		const found = reads[index]?.found[0];
		return found?.value === seen.agent ? [{ block, found }] : [];
	});
	if (!isStillLost()) return false;
	const { succeeded } = await transact(gateway, {
		compare: [...conditions(options), ...[...indexed, ...own.map(({ found }) => found)].map(compareOf)],
		success: [...indexed, ...own.map(({ found }) => found)].map(({ key }) => ({ remove: { key } })),
	});
	if (!succeeded) return false;
	released(own.map(({ block }) => ({ kind: "block", block })));
	return true;
}

/** Whatever says that the agent is not lost, or that somebody else has acted on it. */
function conditions({ keys, seen: { agent, kv }, unlessAlive }: ReleaseAgentOptions): readonly Compare[] {
	return [
		{ key: keys.agent(agent), mod: kv?.modRevision ?? absent },
		...(unlessAlive ? [{ key: keys.alive(agent), mod: absent }] : []),
	];
}

function compareOf({ key, modRevision }: KeyValue): Compare {
	return { key, mod: modRevision };
}

import { absent, type KeyValue, readPages, transact } from "../../etcd/kv.ts";
import { formatAddress, networkOf } from "../../ip/address.ts";
import type { AddressRange } from "../range.ts";
import { addressOfKey } from "./address-name.ts";
import { type Block, blockMeets, parseBlock, spanOf } from "./block.ts";
import { formatPool, type PoolKey } from "./pool-key.ts";
import { type AddressRecord, parseRecord } from "./record.ts";
import type { Place } from "./repair.ts";

/** Who keeps a pool from being changed. */
export interface PoolHolder {
	readonly address: string;
	readonly record: AddressRecord | undefined;
}

/** `held`: the gateway is somebody's. `changed`: the key is not as it was seen any more. */
export type PoolAddition =
	| { readonly kind: "added" | "changed" }
	| { readonly kind: "held"; readonly holder: PoolHolder };

/** Writes the key of a pool, which was `before`. @throws EtcdError */
export async function putPool(
	{ gateway, layout }: Place,
	{ range, before }: { readonly range: AddressRange; readonly before: KeyValue | undefined },
): Promise<PoolAddition> {
	const key = layout.pool(range.subnet);
	const gatewayKey = layout.address(range.gateway);
	const { succeeded, reads } = await transact(gateway, {
		compare: [
			{ key, mod: before?.modRevision ?? absent },
			{ key: gatewayKey, mod: absent },
		],
		success: [{ put: key, value: formatPool(range) }],
		failure: [{ read: { key: gatewayKey } }],
	});
	if (succeeded) return { kind: "added" };
	const [held] = reads[0]?.found ?? [];
	return held === undefined ? { kind: "changed" } : { kind: "held", holder: holderIn(held) };
}

export type PoolRemoval =
	/** How many blocks went with it, and how many resting addresses. */
	| { readonly kind: "removed"; readonly blocks: number; readonly resting: number }
	/** By how many, and some of them. */
	| { readonly kind: "held"; readonly count: number; readonly some: readonly PoolHolder[] }
	| { readonly kind: "changed" };

const mostHolders = 3;

/**
 * Removes a pool of which no address is held, and what agents have of it: from then on nothing is taken out of it, as
 * whoever does so compares the key. The blocks follow; those that others hold addresses in stay. @throws EtcdError
 */
export async function removePoolKey(place: Place, { kv, pool }: PoolKey): Promise<PoolRemoval> {
	const { gateway, layout } = place;
	const isSame = { key: kv.key, mod: kv.modRevision };
	const remove = { remove: { key: kv.key } };
	if (pool === undefined) {
		const { succeeded } = await transact(gateway, { compare: [isSame], success: [remove] });
		return succeeded ? { kind: "removed", blocks: 0, resting: 0 } : { kind: "changed" };
	}
	const { start: first, end: last } = pool.range;
	const [addresses, resting] = [layout.addresses({ first, last }), layout.restingIn({ first, last })];
	const { succeeded, reads } = await transact(gateway, {
		compare: [isSame, { ...addresses, mod: absent }],
		success: [remove, { read: resting, only: "count" }, { remove: resting }],
		failure: [{ read: addresses, limit: mostHolders }],
	});
	const { count = 0, found = [] } = reads[0] ?? {};
	if (succeeded) return { kind: "removed", resting: count, blocks: await removeBlocks(place, pool.range) };
	return count === 0 ? { kind: "changed" } : { kind: "held", count, some: found.map(holderIn) };
}

function holderIn({ key, value }: KeyValue): PoolHolder {
	const address = addressOfKey(key);
	return { address: address === undefined ? key : formatAddress(address), record: parseRecord(value) };
}

interface FoundBlock {
	readonly kv: KeyValue;
	readonly block: Block;
}

/** Prefix lengths of the largest blocks that there can be. */
const largestBlocks = { 4: 22, 6: 118 };

/** A transaction has 128 operations at most; a block takes two. */
const mostBlocks = 60;

/** Removes the blocks of a range in which nothing is held: how many. */
async function removeBlocks(place: Place, range: AddressRange): Promise<number> {
	const { address: first } = networkOf({ address: range.start, length: largestBlocks[range.start.family] });
	let removed = 0;
	for await (const page of readPages(place.gateway, place.layout.blocks({ first, last: range.end }))) {
		const blocks = page.flatMap((kv): FoundBlock[] => {
			const block = parseBlock(kv.key);
			return block !== undefined && blockMeets(block, [range]) ? [{ kv, block }] : [];
		});
		for (let index = 0; index < blocks.length; index += mostBlocks) {
			const some = blocks.slice(index, index + mostBlocks);
			if (await removeEmpty(place, some)) removed += some.length;
			else for (const each of some) removed += (await removeEmpty(place, [each])) ? 1 : 0;
		}
	}
	return removed;
}

/** Blocks as they were seen, unless anybody holds an address in one of them. */
async function removeEmpty({ gateway, layout }: Place, blocks: readonly FoundBlock[]): Promise<boolean> {
	const { succeeded } = await transact(gateway, {
		compare: blocks.flatMap(({ kv, block }) => [
			{ key: kv.key, mod: kv.modRevision },
			{ ...layout.addresses(spanOf(block)), mod: absent },
		]),
		success: blocks.flatMap(({ kv, block }) => [
			{ remove: { key: kv.key } },
			{ remove: { key: layout.blockOf(kv.value, block) } },
		]),
	});
	return succeeded;
}

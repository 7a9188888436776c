import type { Gateway } from "../../etcd/gateway.ts";
import { absent, prefixRange, transact } from "../../etcd/kv.ts";
import type { AddressRange } from "../range.ts";
import { type BlockLengths, blockOf } from "./block.ts";
import { layoutOf } from "./layout.ts";
import { networksOf } from "./networks-of.ts";
import { type PoolKey, parsePoolKey } from "./pool-key.ts";

/** What etcd has of one network, in numbers. */
export interface PoolCount {
	readonly network: string;
	/** What was added to it, beside its configuration. */
	readonly added: readonly PoolKey[];
	readonly held: number;
	/** They rest, or have rested. */
	readonly resting: number;
	readonly blocks: number;
}

/** Every network of which etcd has anything. Its cost does not depend on how many addresses are held. @throws EtcdError */
export async function countPools(gateway: Gateway, prefix: string): Promise<readonly PoolCount[]> {
	const pools: PoolCount[] = [];
	for (const network of await networksOf(gateway, prefix)) pools.push(await countPool(gateway, { prefix, network }));
	return pools;
}

async function countPool(
	gateway: Gateway,
	{ prefix, network }: { readonly prefix: string; readonly network: string },
): Promise<PoolCount> {
	const kinds = ["address", "resting", "block"];
	const { reads } = await transact(gateway, {
		success: [
			...kinds.map((kind) => ({ read: prefixRange(`${prefix}/network/${network}/${kind}/`), only: "count" as const })),
			{ read: layoutOf(prefix, network).pools },
		],
	});
	const [held = 0, resting = 0, blocks = 0] = reads.map(({ count }) => count);
	return { network, held, resting, blocks, added: (reads.at(-1)?.found ?? []).map(parsePoolKey) };
}

/** What etcd has of a range of a network. Blocks of other lengths than ours are counted where they begin in it. @throws EtcdError */
export async function countRange(
	gateway: Gateway,
	{ prefix, network, range, lengths }: { prefix: string; network: string; range: AddressRange; lengths: BlockLengths },
): Promise<Pick<PoolCount, "held" | "resting" | "blocks">> {
	const layout = layoutOf(prefix, network);
	const span = { first: range.start, last: range.end };
	const blockSpan = { first: blockOf(range.start, lengths).network, last: range.end };
	const keys = [layout.addresses(span), layout.restingIn(span), layout.blocks(blockSpan)];
	const { reads } = await transact(gateway, { success: keys.map((read) => ({ read, only: "count" })) });
	const [held = 0, resting = 0, blocks = 0] = reads.map(({ count }) => count);
	return { held, resting, blocks };
}

/** Removes all keys of a network of which no address is held. Whether that was so. @throws EtcdError */
export async function removePool(
	gateway: Gateway,
	{ prefix, network }: { readonly prefix: string; readonly network: string },
): Promise<boolean> {
	const root = `${prefix}/network/${network}/`;
	const { succeeded } = await transact(gateway, {
		compare: [{ ...prefixRange(`${root}address/`), mod: absent }],
		success: [{ remove: prefixRange(root) }],
	});
	return succeeded;
}

import type { Gateway } from "../../etcd/gateway.ts";
import { absent, prefixRange, read, transact } from "../../etcd/kv.ts";

/** What etcd has of one network, in numbers. */
export interface PoolCount {
	readonly network: string;
	readonly held: number;
	/** They rest, or have rested. */
	readonly resting: number;
	readonly blocks: number;
}

/** Every network of which etcd has anything. Its cost does not depend on how many addresses are held. @throws EtcdError */
export async function countPools(gateway: Gateway, prefix: string): Promise<readonly PoolCount[]> {
	const root = prefixRange(`${prefix}/network/`);
	const pools: PoolCount[] = [];
	for (let from = root.key; ; ) {
		const { found } = await read(gateway, { key: from, end: root.end }, { only: "keys", limit: 1 });
		const network = found[0]?.key.slice(root.key.length).split("/")[0];
		if (network === undefined) return pools;
		pools.push(await countPool(gateway, { prefix, network }));
		from = prefixRange(`${root.key}${network}/`).end;
	}
}

async function countPool(
	gateway: Gateway,
	{ prefix, network }: { readonly prefix: string; readonly network: string },
): Promise<PoolCount> {
	const kinds = ["address", "resting", "block"];
	const { reads } = await transact(gateway, {
		success: kinds.map((kind) => ({ read: prefixRange(`${prefix}/network/${network}/${kind}/`), only: "count" })),
	});
	const [held = 0, resting = 0, blocks = 0] = reads.map(({ count }) => count);
	return { network, held, resting, blocks };
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

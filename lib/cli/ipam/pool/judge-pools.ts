import { type AddedPool, extendSets, objectionTo } from "../../../ipam/added-pools.ts";
import type { PoolKey } from "../../../ipam/etcd-store/pool-key.ts";
import type { StoredNetwork } from "./read-networks.ts";

/** A pool, and why no agent with the configuration that is here takes addresses from it; undefined where some do. */
export interface JudgedPool {
	readonly key: PoolKey;
	readonly pool: AddedPool | undefined;
	readonly objection: string | undefined;
}

/** The added pools of a network in their order, as plugins go through them. Where it is not configured here, only damage is seen. */
export function judgePools({ added, configured }: StoredNetwork): readonly JudgedPool[] {
	let sets = configured?.sets ?? [];
	return added.map((key) => {
		const { pool } = key;
		if (pool === undefined) return { key, pool, objection: "its key or value is none of `pool add`" };
		if (configured === undefined) return { key, pool, objection: undefined };
		if (configured.problem !== undefined) return { key, pool, objection: configured.problem };
		const objection = objectionTo(pool.range, { sets });
		sets = extendSets(sets, { pools: [pool] });
		return { key, pool, objection };
	});
}

import type { Compare } from "../../etcd/kv.ts";
import type { AddedPool } from "../added-pools.ts";
import { rangeContains } from "../range.ts";
import type { Layout } from "./layout.ts";
import type { Plan } from "./plan.ts";

/** What keeps addresses from being taken out of pools that were removed, or changed, since they were heard of. */
export function poolGuards(
	layout: Layout,
	{ plans, pools }: { readonly plans: readonly Pick<Plan, "address">[]; readonly pools: readonly AddedPool[] },
): readonly Compare[] {
	if (pools.length === 0) return [];
	return pools
		.filter(({ range }) => plans.some(({ address }) => rangeContains(range, address)))
		.map(({ range, text }) => ({ key: layout.pool(range.subnet), value: text }));
}

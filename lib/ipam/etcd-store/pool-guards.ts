import type { Compare } from "../../etcd/kv.ts";
import type { IpAddress } from "../../ip/address.ts";
import type { AddedPool } from "../added-pools.ts";
import { rangeContains } from "../range.ts";
import type { Layout } from "./layout.ts";

/** What keeps addresses from being taken out of pools that were removed, or changed, since they were heard of. */
export function poolGuards(
	layout: Layout,
	{ addresses, pools }: { readonly addresses: readonly IpAddress[]; readonly pools: readonly AddedPool[] },
): readonly Compare[] {
	return pools
		.filter(({ range }) => addresses.some((address) => rangeContains(range, address)))
		.map(({ range, text }) => ({ key: layout.pool(range.subnet), value: text }));
}

import { quoteText } from "../../../cni/quote-text.ts";
import type { PoolHolder } from "../../../ipam/etcd-store/change-pools.ts";

/** `10.90.0.2 by container "c1" on agent "a1"` */
export function holderText({ address, record }: PoolHolder): string {
	if (record === undefined) return `${address} by whom cannot be read`;
	return `${address} by container ${quoteText(record.containerId)} on agent ${quoteText(record.agent)}`;
}

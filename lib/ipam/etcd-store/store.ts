import type { Gateway } from "../../etcd/gateway.ts";
import { HintFile } from "./hint.ts";
import { type Layout, layoutOf } from "./layout.ts";
import type { EtcdStoreOptions } from "./options.ts";
import { PoolMemory } from "./pool-memory.ts";

/** What the parts of this store share. */
export interface Store {
	readonly options: EtcdStoreOptions;
	readonly gateway: Gateway;
	readonly layout: Layout;
	readonly hint: HintFile;
	readonly pools: PoolMemory;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
}

export function openStore(options: EtcdStoreOptions): Store {
	const { gateway, prefix, network, directory, lock, now = Date.now } = options;
	return {
		options,
		gateway,
		layout: layoutOf(prefix, network),
		now,
		hint: new HintFile({ directory, lock }),
		pools: new PoolMemory(directory),
	};
}

import type { Gateway } from "../../etcd/gateway.ts";
import type { HintFile } from "./hint.ts";
import type { Layout } from "./layout.ts";
import type { EtcdStoreOptions } from "./options.ts";

/** What the parts of this store share. */
export interface Store {
	readonly options: EtcdStoreOptions;
	readonly gateway: Gateway;
	readonly layout: Layout;
	readonly hint: HintFile;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
}

import type { KeyValue } from "../../etcd/kv.ts";
import type { IpAddress } from "../../ip/address.ts";
import type { FreeBlock } from "./free-block.ts";

/** How an address is to be taken. `rest` is the revision of the key by which it has rested. */
export type Plan =
	/** Out of a block that belongs to this agent, or that becomes its own in the same transaction. */
	| { readonly how: "own" | "claim"; readonly address: IpAddress; readonly rest: string; readonly block: FreeBlock }
	/** Wherever it lies: no block is left. */
	| { readonly how: "borrow"; readonly address: IpAddress; readonly rest: string }
	/** Wherever it lies, rested or not: somebody asks for it. */
	| { readonly how: "request"; readonly address: IpAddress }
	/** From an owner on an agent that is lost, as the same task. */
	| { readonly how: "takeover"; readonly address: IpAddress; readonly from: Predecessor };

/** What a takeover relies on. */
export interface Predecessor {
	readonly address: KeyValue;
	readonly owner: KeyValue;
	/** The key of the lost agent. */
	readonly agent: KeyValue;
}

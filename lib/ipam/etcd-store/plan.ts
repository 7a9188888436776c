import type { KeyValue } from "../../etcd/kv.ts";
import type { IpAddress } from "../../ip/address.ts";
import { familyOf, type RangeSet } from "../range-set.ts";
import { roundRobin } from "../round-robin.ts";
import { type Block, spanOf } from "./block.ts";

/** How an address is to be taken. `rest` is the revision of the key by which it has rested. */
export type Plan =
	/** Out of a block that belongs to this agent, or that becomes its own in the same transaction. */
	| { readonly how: "own" | "claim"; readonly address: IpAddress; readonly rest: string; readonly block: Block }
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

export interface Choice {
	/** The address given last. */
	readonly cursor?: IpAddress | undefined;
	readonly blocks: readonly Block[];
	readonly isFree: (address: IpAddress) => boolean;
}

/**
 * The first address in the order of {@link roundRobin} that lies in one of the blocks and is free as far as `isFree`
 * knows.
 */
export function firstFree(
	set: RangeSet,
	{ cursor, blocks, isFree }: Choice,
): { readonly address: IpAddress; readonly block: Block } | undefined {
	const family = familyOf(set);
	const sorted = blocks
		.filter(({ network }) => network.family === family)
		.sort((a, b) => (a.network.value < b.network.value ? -1 : 1));
	for (const span of roundRobin(set, cursor)) {
		for (const block of sorted) {
			const { first, last } = spanOf(block);
			let value = first.value;
			if (value < span.first) value = span.first;
			for (; value <= last.value && value <= span.last; value++) {
				const address: IpAddress = { family, value };
				if (isFree(address)) return { address, block };
			}
		}
	}
	return undefined;
}

import { transact } from "../../etcd/kv.ts";
import type { RangeSet } from "../range-set.ts";
import { type Block, blockOf, blockSize } from "./block.ts";
import { type BlockSearch, randomBelow } from "./find-block.ts";
import { firstFree } from "./free-block.ts";
import { occupancyOf, readBlocks } from "./occupancy.ts";
import type { Plan } from "./plan.ts";

/** Blocks in one look. */
const lookSize = 16n;

/**
 * A free address of the set, whomever its block belongs to: from a random block on, so that those who borrow together do
 * not want the same. Undefined when there is none.
 */
export async function findToBorrow(
	set: RangeSet,
	{ gateway, layout, lengths, now }: BlockSearch & { readonly now: number },
): Promise<Plan | undefined> {
	for (const range of set) {
		const { network, length } = blockOf(range.start, lengths);
		const step = blockSize({ network, length });
		const count = (blockOf(range.end, lengths).network.value - network.value) / step + 1n;
		const pivot = randomBelow(count);
		for (let done = 0n; done < count; done += lookSize) {
			const blocks: Block[] = [];
			for (let index = done; index < count && index < done + lookSize; index++) {
				const value = network.value + ((pivot + index) % count) * step;
				blocks.push({ network: { family: network.family, value }, length });
			}
			const { reads } = await transact(gateway, { success: readBlocks(layout, blocks) });
			const { freeIn, restOf } = occupancyOf(reads, now);
			for (const block of blocks) {
				const first = firstFree([range], { blocks: [{ ...block, free: freeIn(block) }] });
				if (first !== undefined) return { how: "borrow", address: first.address, rest: restOf(first.address) };
			}
		}
	}
	return undefined;
}

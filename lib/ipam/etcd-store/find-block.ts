import type { Gateway } from "../../etcd/gateway.ts";
import { read } from "../../etcd/kv.ts";
import type { AddressRange } from "../range.ts";
import type { RangeSet } from "../range-set.ts";
import { addressName, addressOfKey } from "./address-name.ts";
import { type Block, type BlockLengths, blockOf, blockSize } from "./block.ts";
import type { Layout } from "./layout.ts";

/** Keys in one look. A pool where so many blocks in a row are taken has its free ones elsewhere as well. */
const lookSize = 64;

export interface BlockSearch {
	readonly gateway: Gateway;
	readonly layout: Layout;
	readonly lengths: BlockLengths;
}

interface FreeSearch extends BlockSearch {
	/** Names of blocks that belong to us, as far as we know: they need not be asked about. */
	readonly ours: ReadonlySet<string>;
}

/**
 * Blocks of the set that belong to nobody, in the order in which to try them. The first are those at the start of each
 * range; where all are crowded the search goes on from a random place of a range, so that many agents that look for a block
 * together find different ones, and around to where it began: in the last range first, as ranges are added when others are
 * full.
 */
export async function* freeBlocks(set: RangeSet, search: FreeSearch): AsyncGenerator<Block> {
	const parts = set.map((range) => {
		const first = blockOf(range.start, search.lengths);
		const last = blockOf(range.end, search.lengths);
		const count = (last.network.value - first.network.value) / blockSize(first) + 1n;
		return { range, count, head: count < lookSize ? count : BigInt(lookSize) };
	});
	for (const { range, head } of parts) yield* gaps({ range, from: 0n, to: head - 1n }, search);
	for (const { range, count, head } of parts.toReversed()) {
		if (head === count) continue;
		const pivot = head + randomBelow(count - head);
		yield* gaps({ range, from: pivot, to: count - 1n }, search);
		yield* gaps({ range, from: head, to: pivot - 1n }, search);
	}
}

/** The blocks number `from` to `to` of a range that belong to nobody. */
async function* gaps(
	{ range, from, to }: { range: AddressRange; from: bigint; to: bigint },
	{ gateway, layout, lengths, ours }: FreeSearch,
): AsyncGenerator<Block> {
	const base = blockOf(range.start, lengths);
	const step = blockSize(base);
	const { family } = base.network;
	const at = (index: bigint) => ({ family, value: base.network.value + index * step });
	for (let index = from; ; ) {
		while (index <= to && ours.has(`${addressName(at(index))}-${base.length}`)) index++;
		if (index > to) return;
		const keys = layout.blocks({ first: at(index), last: at(to) });
		const { found } = await read(gateway, keys, { only: "keys", limit: lookSize });
		// Blocks of any size that begin there: names are compared, for to parse one takes longer.
		const taken = new Set(found.map(({ key }) => key.slice(key.lastIndexOf("/") + 1, key.lastIndexOf("-"))));
		const end = addressOfKey(found.length < lookSize ? "" : (found.at(-1)?.key ?? ""))?.value ?? at(to).value;
		for (; index <= to && at(index).value <= end; index++) {
			if (!taken.has(addressName(at(index)))) yield { network: at(index), length: base.length };
		}
	}
}

export function randomBelow(bound: bigint): bigint {
	const fraction = BigInt(Math.floor(Math.random() * 2 ** 53));
	return (bound * fraction) >> 53n;
}

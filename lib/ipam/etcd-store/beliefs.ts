import { formatAddress, type IpAddress, parseAddress } from "../../ip/address.ts";
import type { RangeSet } from "../range-set.ts";
import { blockName, parseBlock } from "./block.ts";
import { bitOf, type FreeBlock, firstFree } from "./free-block.ts";
import type { Hint } from "./hint.ts";
import type { Seen } from "./look.ts";

/*
 * What the hint says, and how it changes.
 */

/** The next address of our own blocks that is free as far as we know, and the hint after it was given: others try another. */
export function draw(
	hint: Hint,
	{ set, setIndex }: { set: RangeSet; setIndex: number },
): readonly [Hint, { readonly address: IpAddress; readonly block: FreeBlock } | undefined] {
	const drawn = firstFree(set, { cursor: cursorOf(hint, setIndex), blocks: freeBlocks(hint) });
	return [drawn === undefined ? hint : given(hint, { setIndex, ...drawn }), drawn];
}

/** An address has been given, or is about to be. */
export function given(
	hint: Hint,
	{
		setIndex,
		address,
		block = freeBlocks(hint).find((own) => bitOf(own, address) !== 0n),
	}: { setIndex: number; address: IpAddress; block?: FreeBlock | undefined },
): Hint {
	const cursors = [...hint.cursors];
	while (cursors.length < setIndex) cursors.push(null);
	cursors[setIndex] = formatAddress(address);
	if (block === undefined) return { ...hint, cursors };
	const left = block.free & ~bitOf(block, address);
	return { ...hint, cursors, blocks: { ...hint.blocks, [blockName(block)]: left.toString(16) } };
}

/** A block has become ours. */
export function owned(hint: Hint, { free, ...block }: FreeBlock): Hint {
	return { ...hint, blocks: { [blockName(block)]: free.toString(16), ...hint.blocks } };
}

export function disowned(hint: Hint, name: string): Hint {
	const { [name]: _, ...blocks } = hint.blocks;
	return { ...hint, blocks, stale: hint.stale.filter((other) => other !== name) };
}

/** How things were a moment ago. */
export function learned(before: Hint, seen: Seen): Hint {
	const hint = owning(before, seen.blocks.map(blockName));
	const looked = seen.looked.filter((block) => hint.blocks[blockName(block)] !== undefined);
	const names = looked.map(blockName);
	const free = looked.map((block) => [blockName(block), seen.freeIn(block).toString(16)] as const);
	return {
		...hint,
		fence: seen.fence,
		blocks: { ...hint.blocks, ...Object.fromEntries(free) },
		stale: [...hint.stale.filter((name) => !names.includes(name)), ...looked.filter(seen.restsIn).map(blockName)],
	};
}

/** These blocks are ours, whatever is free in those that we did not know of. */
export function owning(hint: Hint, names: readonly string[]): Hint {
	const unknown = names.filter((name) => hint.blocks[name] === undefined);
	if (unknown.length === 0 && Object.keys(hint.blocks).length === names.length) return hint;
	const blocks = Object.fromEntries(names.map((name) => [name, hint.blocks[name] ?? "0"]));
	return { ...hint, blocks, stale: [...hint.stale.filter((name) => names.includes(name)), ...unknown] };
}

/** In these of our blocks others may have become free. */
export function doubted(hint: Hint, names: readonly string[]): Hint {
	const added = names.filter((name) => hint.blocks[name] !== undefined && !hint.stale.includes(name));
	return added.length === 0 ? hint : { ...hint, stale: [...hint.stale, ...added] };
}

export function cursorOf({ cursors }: Hint, setIndex: number): IpAddress | undefined {
	return parseAddress(cursors[setIndex] ?? "");
}

function freeBlocks({ blocks }: Hint): readonly FreeBlock[] {
	const free: FreeBlock[] = [];
	for (const name in blocks) {
		const bits = blocks[name];
		if (bits === "0" || typeof bits !== "string" || !/^[0-9a-f]+$/.test(bits)) continue;
		const block = parseBlock(name);
		if (block !== undefined) free.push({ ...block, free: BigInt(`0x${bits}`) });
	}
	return free;
}

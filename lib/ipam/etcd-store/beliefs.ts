import type { IpAddress } from "../../ip/address.ts";
import type { RangeSet } from "../range-set.ts";
import { addressName, addressOfKey } from "./address-name.ts";
import { blockName, blockSize, parseBlock } from "./block.ts";
import { type FreeBlock, firstFree, placeIn, without } from "./free-block.ts";
import { type Hint, namesOf, wordsOf } from "./hint.ts";
import type { Seen } from "./look.ts";

/*
 * What the hint says, and how it changes.
 */

/** The next address of our own blocks that is free as far as we know, and the hint after it was given: others try another. */
export function draw(
	hint: Hint,
	{ set, setIndex }: { set: RangeSet; setIndex: number },
): readonly [Hint, { readonly address: IpAddress; readonly block: FreeBlock } | undefined] {
	const drawn = firstFree(set, { cursor: cursorOf(hint, setIndex), blocks: openBlocks(hint) });
	return [drawn === undefined ? hint : given(hint, { setIndex, ...drawn }), drawn];
}

/** An address has been given, or is about to be. */
export function given(
	hint: Hint,
	{
		setIndex,
		address,
		block = openBlocks(hint).find((own) => placeIn(own, address) >= 0),
	}: { setIndex: number; address: IpAddress; block?: OpenBlock | undefined },
): Hint {
	const cursors = [...hint.cursors];
	while (cursors.length < setIndex) cursors.push("");
	cursors[setIndex] = addressName(address);
	if (block === undefined) return { ...hint, cursors };
	const { name } = block;
	const { full, open } = having(hint, { name, free: without(block.free, placeIn(block, address)) });
	const spare = hint.spare.includes(name) ? others(hint.spare, name) : hint.spare;
	return { fence: hint.fence, cursors, stale: hint.stale, spare, full, open };
}

/** A block has become ours. */
export function owned(hint: Hint, block: FreeBlock): Hint {
	return isOurs(hint, blockName(block)) ? hint : withFree(hint, block);
}

export function disowned(hint: Hint, name: string): Hint {
	return owning(
		hint,
		namesOf(hint).filter((other) => other !== name),
	);
}

/**
 * A block has become empty. One empty block of each family stays, or one would come and go with each container beside full
 * ones: that of which more can be tried. With the block that is to be given back, and is taken for gone: this, another or none.
 */
export function emptied(hint: Hint, name: string): readonly [Hint, string | undefined] {
	if (!isOurs(hint, name)) return [hint, undefined];
	const before = hint.spare.find((other) => other !== name && other.startsWith(name.slice(0, 2)));
	if (before === undefined) return hint.spare.includes(name) ? [hint, undefined] : [spared(hint, name), undefined];
	return countFree(hint, before) > countFree(hint, name)
		? [disowned(hint, name), name]
		: [spared(disowned(hint, before), name), before];
}

function spared(hint: Hint, name: string): Hint {
	return { ...hint, spare: [...hint.spare, name] };
}

function countFree({ open }: Hint, name: string): number {
	return (open[name] ?? "").replaceAll("0", "").length;
}

/** How things were a moment ago. */
export function learned(before: Hint, seen: Seen): Hint {
	const hint = owning(before, seen.blocks);
	const looked = seen.looked.filter((block) => isOurs(hint, blockName(block)));
	const names = looked.map(blockName);
	const stale = [...hint.stale.filter((name) => !names.includes(name)), ...looked.filter(seen.restsIn).map(blockName)];
	const current: Hint = { ...hint, fence: seen.fence, stale };
	return looked.reduce((known, block) => withFree(known, { ...block, free: seen.freeIn(block) }), current);
}

/** These blocks are ours, whatever is free in those that we did not know of. */
export function owning(hint: Hint, names: readonly string[]): Hint {
	const known = new Set(namesOf(hint));
	const unknown = names.filter((name) => !known.has(name));
	if (unknown.length === 0 && known.size === names.length) return hint;
	const ours = new Set(names);
	const stillOurs = (before: readonly string[]) => before.filter((name) => ours.has(name));
	return {
		...hint,
		stale: [...stillOurs(hint.stale), ...unknown],
		spare: stillOurs(hint.spare),
		full: [...stillOurs(wordsOf(hint.full)), ...unknown].join(" "),
		open: Object.fromEntries(Object.entries(hint.open).filter(([name]) => ours.has(name))),
	};
}

/** In these of our blocks others may have become free. */
export function doubted(hint: Hint, names: readonly string[]): Hint {
	const ours = namesOf(hint);
	const added = names.filter((name) => ours.includes(name) && !hint.stale.includes(name));
	return added.length === 0 ? hint : { ...hint, stale: [...hint.stale, ...added] };
}

export function cursorOf({ cursors }: Hint, setIndex: number): IpAddress | undefined {
	return addressOfKey(cursors[setIndex] ?? "");
}

function isOurs({ open, full }: Hint, name: string): boolean {
	return open[name] !== undefined || wordsOf(full).includes(name);
}

function withFree(hint: Hint, block: FreeBlock): Hint {
	return { ...hint, ...having(hint, { name: blockName(block), free: block.free }) };
}

/** Our blocks, of which one has these addresses to try. */
function having({ full, open }: Hint, { name, free }: { name: string; free: string }): Pick<Hint, "full" | "open"> {
	if (free.includes("1")) {
		const line = open[name] === undefined ? others(wordsOf(full), name).join(" ") : full;
		return { full: line, open: { ...open, [name]: free } };
	}
	const { [name]: _, ...left } = open;
	return { full: [...others(wordsOf(full), name), name].join(" "), open: left };
}

function others(names: readonly string[], name: string): readonly string[] {
	return names.filter((other) => other !== name);
}

interface OpenBlock extends FreeBlock {
	readonly name: string;
}

/** In the order of their addresses. */
function openBlocks({ open }: Hint): readonly OpenBlock[] {
	const blocks: OpenBlock[] = [];
	for (const name of Object.keys(open).sort()) {
		const block = parseBlock(name);
		const free = open[name] ?? "";
		if (block === undefined || free.length !== Number(blockSize(block))) continue;
		blocks.push({ name, network: block.network, length: block.length, free });
	}
	return blocks;
}

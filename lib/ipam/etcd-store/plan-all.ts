import type { IpAddress } from "../../ip/address.ts";
import { rangeOf } from "../range-set.ts";
import type { ReserveOutcome, Wish } from "../store.ts";
import type { Tags } from "../tags.ts";
import { cursorOf, doubted, draw } from "./beliefs.ts";
import { type Block, blockMeets, blockName, parseBlock } from "./block.ts";
import { findToBorrow } from "./borrow.ts";
import { countHeld, countResting } from "./count.ts";
import { freeBlocks } from "./find-block.ts";
import { firstFree } from "./free-block.ts";
import { type Hint, namesOf } from "./hint.ts";
import type { Seen } from "./look.ts";
import type { Plan } from "./plan.ts";
import { parseOwner, parseRecord } from "./record.ts";
import type { Store } from "./store.ts";
import { findPredecessor } from "./takeover.ts";
import type { Turn } from "./turn.ts";

/** What the next attempt is made from. */
export interface Planning {
	readonly store: Store;
	readonly seen: Seen;
	readonly wishes: readonly Wish[];
	readonly tags: Tags;
	/** How often we have asked how things are: before the first time that is a belief. */
	readonly looks: number;
	readonly turn: Turn;
	/** Names of the blocks that this call has looked into, and of those that had no free address. */
	readonly looked: ReadonlySet<string>;
	readonly barren: ReadonlySet<string>;
}

export type Refusal = Exclude<ReserveOutcome, { kind: "reserved" | "outdated" }>;

/** A plan for each wish, none where we have to look again before, or why there cannot be one. @throws EtcdError */
export async function planAll(planning: Planning): Promise<{ readonly plans: readonly Plan[] | undefined } | Refusal> {
	const { seen, wishes, store } = planning;
	const held = parseOwner(seen.owner?.value ?? "");
	for (const [wish, { set }] of wishes.entries()) {
		const address = held.find((candidate) => rangeOf(set, candidate) !== undefined);
		if (address !== undefined) return { kind: "duplicate", wish, address };
	}
	const plans: Plan[] = [];
	for (const [index, wish] of wishes.entries()) {
		const plan =
			wish.requested === undefined
				? await planAny(planning, { wish, others: plans })
				: await planRequested(planning, { index, address: wish.requested });
		if (plan !== undefined && plan !== "look again" && !("kind" in plan)) {
			plans.push(plan);
			continue;
		}
		// What was drawn for the others is free as before.
		const drawn = plans.flatMap((other) => (other.how === "own" ? [blockName(other.block)] : []));
		store.hint.note((hint) => doubted(hint, drawn));
		if (plan === "look again") return { plans: undefined };
		if (plan !== undefined) return plan;
		const taken = await countHeld(store, wish.set);
		return { kind: "exhausted", wish: index, taken, resting: await countResting(store, wish.set) };
	}
	return { plans };
}

async function planRequested(
	{ store, seen, tags }: Planning,
	{ index: wish, address }: { index: number; address: IpAddress },
): Promise<Plan | Refusal> {
	const key = store.layout.address(address);
	const held = seen.requested.find((kv) => kv.key === key);
	if (held === undefined) return { how: "request", address };
	const from = await findPredecessor(store, { held, tags });
	return from === undefined
		? { kind: "taken", wish, address, holder: parseRecord(held.value) }
		: { how: "takeover", address, from };
}

/** From our own blocks; else from a new one; else from those of others. */
async function planAny(
	planning: Planning,
	{ wish, others }: { wish: Wish; others: readonly Plan[] },
): Promise<Plan | undefined | "look again"> {
	const { store, seen, turn, looks, looked } = planning;
	const { layout, gateway, options, now, hint } = store;
	let drawn: ReturnType<typeof draw>[1];
	const tryOwn = () => {
		drawn = hint.update((before) => draw(before, wish));
		return drawn !== undefined;
	};
	const isUseful = (name: string) => parseBlocks([name]).some((block) => blockMeets(block, wish.set));
	if (!tryOwn()) {
		// A hint without blocks may be one that was lost.
		const isBlind = looks === 0 && !seen.blocks.some(isUseful);
		if (isBlind || staleBlocks(hint.read(), { wishes: [wish], looked }).length > 0) return "look again";
		// Claims are made by one process at a time: the others find what it has claimed.
		turn.take(tryOwn);
	}
	if (drawn !== undefined) return { how: "own", rest: seen.restOf(drawn.address), ...drawn };
	const claim = await planClaim(planning, { wish, others });
	if (claim !== undefined) return claim;
	// Somebody may have released some of what was full.
	const own = seen.blocks.filter(isUseful);
	if (looks === 0 || own.some((name) => !looked.has(name))) {
		hint.note((before) => doubted(before, own));
		return "look again";
	}
	return options.borrow
		? await findToBorrow(wish.set, { gateway, layout, lengths: options.blockLengths, now: now() })
		: undefined;
}

/** A block that belongs to nobody; as a rule nothing of it is taken, and when something is, the transaction tells. */
async function planClaim(
	{ store, seen, looks, barren }: Planning,
	{ wish: { set, setIndex }, others }: { wish: Wish; others: readonly Plan[] },
): Promise<Plan | undefined> {
	const { layout, gateway, options, hint } = store;
	const known = hint.read();
	const cursor = cursorOf(known, setIndex);
	const from = (block: Block): Plan | undefined => {
		const first = firstFree(set, { cursor, blocks: [{ ...block, free: seen.freeIn(block) }] });
		return first && { how: "claim", rest: seen.restOf(first.address), ...first };
	};
	// That of another set may have room for this one.
	const candidates = others.flatMap((plan) => (plan.how === "claim" ? (from(plan.block) ?? []) : []));
	// Who has lost the race for a block passes some over: whoever has lost it too looks at the same.
	const passing = looks < 2 ? 0 : Math.floor(Math.random() * Math.min(2 ** looks, 64));
	const ours = new Set(namesOf(known));
	for await (const block of freeBlocks(set, { gateway, layout, lengths: options.blockLengths, ours })) {
		const plan = barren.has(blockName(block)) ? undefined : from(block);
		if (plan === undefined) continue;
		candidates.push(plan);
		if (candidates.length > passing) break;
	}
	return candidates.at(-1);
}

/** Those of our own blocks that this call has not looked into, and in which addresses may have become free. */
export function staleBlocks(
	{ stale }: Hint,
	{ wishes, looked }: Pick<Planning, "wishes" | "looked">,
): readonly Block[] {
	return parseBlocks(stale.filter((name) => !looked.has(name))).filter((block) =>
		wishes.some(({ set }) => blockMeets(block, set)),
	);
}

function parseBlocks(names: readonly string[]): readonly Block[] {
	return names.flatMap((name) => parseBlock(name) ?? []);
}

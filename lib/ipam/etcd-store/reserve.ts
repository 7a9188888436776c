import type { Attachment } from "../../cni/plugin.ts";
import { absent, transact } from "../../etcd/kv.ts";
import { formatAddress, type IpAddress, parseAddress } from "../../ip/address.ts";
import { rangeOf } from "../range-set.ts";
import type { ReserveOutcome, Wish } from "../store.ts";
import type { Tags } from "../tags.ts";
import { type Block, blockMeets, blockName, sameBlock } from "./block.ts";
import { findToBorrow } from "./borrow.ts";
import { commit, ownerValue, type Reservation } from "./commit.ts";
import { countHeld, countResting } from "./count.ts";
import { freeBlocks } from "./find-block.ts";
import { type Hint, openBlocks } from "./hint.ts";
import { lookFor, type Seen, seenIn, type View } from "./look.ts";
import { firstFree, type Plan } from "./plan.ts";
import { parseOwner, parseRecord } from "./record.ts";
import type { Store } from "./store.ts";
import { findPredecessor } from "./takeover.ts";
import { openTurn, type Turn } from "./turn.ts";

/**
 * Takes an address for each wish, or none.
 *
 * The hint says what to try, and as a rule one transaction tries it and succeeds. When it fails it tells how things are,
 * and the next one is made from that, until one succeeds or there is nothing to take.
 *
 * @throws EtcdError; an `unsure` one may have taken the addresses
 */
export async function reserve(
	store: Store,
	{ owner, wishes, tags }: { owner: Attachment; wishes: readonly Wish[]; tags: Tags },
): Promise<ReserveOutcome> {
	const { layout, gateway, options, now } = store;
	const call = randomText();
	const requested = wishes.flatMap(({ requested }) => requested ?? []);
	using turn = openTurn(store);
	let hint = store.hint.read();
	let plans = guess(store, wishes);
	let seen: Seen | undefined;
	const barren = new Set<string>();
	for (let attempt = 0; ; attempt++) {
		const blocks = worthLooking(hint, { wishes, plans });
		const view: View = { layout, agent: options.agent, owner, requested, now: now(), blocks };
		if (plans === undefined) {
			const { reads } = await transact(gateway, { success: lookFor(view) });
			seen = seenIn(view, reads);
		} else {
			const reservation: Reservation = {
				layout,
				agent: options.agent,
				owner,
				tags,
				plans,
				before: seen?.owner,
				fence: seen?.fence ?? hint.fence,
				rested: seen?.rested ?? [],
				wasLost: seen?.agent.lostSince !== undefined,
				call,
				time: now(),
			};
			const answer = await transact(gateway, { ...commit(reservation), failure: lookFor(view) });
			if (answer.succeeded) return reserved(store, { plans, wishes });
			seen = seenIn(view, answer.reads);
			// It had succeeded, and the answer was lost.
			if (seen.owner?.value === ownerValue(reservation)) return reserved(store, { plans, wishes });
		}
		turn.end();
		for (const block of seen.looked) if (isFull(block, { seen, wishes })) barren.add(blockName(block));
		store.hint.learn(lessonOf(hint, { seen, wishes }));
		const next = await planAll({ store, seen, wishes, tags, attempt, turn, barren });
		if ("kind" in next) return next;
		plans = next.plans;
		hint = store.hint.read();
	}
}

type OwnPlan = Extract<Plan, { how: "own" | "claim" }>;

/** What the hint suggests; undefined where it has nothing to say. */
function guess(store: Store, wishes: readonly Wish[]): readonly Plan[] | undefined {
	const plans = wishes.map(({ requested, ...wish }) =>
		requested === undefined
			? draw(store, { ...wish, isFree: () => true, blocks: undefined })
			: ({ how: "request", address: requested } as const),
	);
	return plans.every((plan) => plan !== undefined) ? plans : undefined;
}

/**
 * The next address of our own blocks that is free as far as we know. The cursor moves on in the same moment, so that
 * another process tries another address.
 */
function draw(
	store: Store,
	{
		set,
		setIndex,
		blocks,
		isFree,
	}: Pick<Wish, "set" | "setIndex"> & Pick<Seen, "isFree"> & { blocks: readonly Block[] | undefined },
): OwnPlan | undefined {
	return store.hint.update((hint) => {
		const free = firstFree(set, { cursor: cursorOf(hint, setIndex), blocks: blocks ?? openBlocks(hint), isFree });
		if (free === undefined) return [hint, undefined];
		return [withCursor(hint, { setIndex, address: free.address }), { how: "own", rest: absent, ...free }];
	});
}

function cursorOf({ cursors }: Hint, setIndex: number): IpAddress | undefined {
	return parseAddress(cursors[setIndex] ?? "");
}

function withCursor(hint: Hint, { setIndex, address }: { setIndex: number; address: IpAddress }): Hint {
	const cursors = Array.from({ length: Math.max(hint.cursors.length, setIndex + 1) }, (_, index) =>
		index === setIndex ? formatAddress(address) : (hint.cursors[index] ?? null),
	);
	return { ...hint, cursors };
}

/** A transaction has 128 operations at most. */
const mostBlocks = 48;

function worthLooking(
	hint: Hint,
	{ wishes, plans = [] }: { wishes: readonly Wish[]; plans: readonly Plan[] | undefined },
): readonly Block[] {
	const claimed = plans.flatMap((plan) => (plan.how === "claim" ? [plan.block] : []));
	const own = openBlocks(hint).filter((block) => wishes.some(({ set }) => blockMeets(block, set)));
	return [...claimed, ...own].slice(0, mostBlocks);
}

/** What the hint should know from now on; of blocks that were not looked into, it keeps what it knew. */
function lessonOf({ full }: Hint, { seen, wishes }: { seen: Seen; wishes: readonly Wish[] }) {
	const { fence, blocks, looked } = seen;
	const stillFull = blocks.filter((block) =>
		looked.some((other) => sameBlock(block, other)) ? isFull(block, { seen, wishes }) : full.includes(blockName(block)),
	);
	return { fence, blocks: blocks.map(blockName), full: stillFull.map(blockName) };
}

/** Whether a block that was looked into has nothing for any of the sets. */
function isFull(block: Block, { seen, wishes }: { seen: Seen; wishes: readonly Wish[] }): boolean {
	const sets = wishes.filter(({ set }) => blockMeets(block, set));
	return sets.every(({ set }) => firstFree(set, { blocks: [block], isFree: seen.isFree }) === undefined);
}

function reserved(
	store: Store,
	{ plans, wishes }: { plans: readonly Plan[]; wishes: readonly Wish[] },
): ReserveOutcome {
	const moved = wishes.flatMap(({ setIndex }, index) => {
		const plan = plans[index];
		// Those of our own blocks have moved it already, and maybe others since.
		return plan === undefined || plan.how === "own" ? [] : [{ setIndex, address: plan.address }];
	});
	const claimed = plans.flatMap((plan) => (plan.how === "claim" ? [blockName(plan.block)] : []));
	if (moved.length > 0 || claimed.length > 0) {
		store.hint.update((hint) => {
			const blocks = [...new Set([...hint.blocks, ...claimed])];
			return [moved.reduce(withCursor, { ...hint, blocks }), undefined];
		});
	}
	return { kind: "reserved", addresses: plans.map(({ address }) => address) };
}

interface Planning {
	readonly store: Store;
	readonly seen: Seen;
	readonly wishes: readonly Wish[];
	readonly tags: Tags;
	/** How many have failed before. */
	readonly attempt: number;
	readonly turn: Turn;
	/** Names of blocks that had no free address. */
	readonly barren: ReadonlySet<string>;
}

type Refusal = Exclude<ReserveOutcome, { kind: "reserved" }>;

async function planAll(planning: Planning): Promise<{ readonly plans: readonly Plan[] | undefined } | Refusal> {
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
		if (plan === "look again") return { plans: undefined };
		if (plan === undefined) {
			const taken = await countHeld(store, wish.set);
			return { kind: "exhausted", wish: index, taken, resting: await countResting(store, wish.set) };
		}
		if ("kind" in plan) return plan;
		plans.push(plan);
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
	const { store, seen, turn } = planning;
	const { layout, gateway, options, now, hint } = store;
	const own = seen.blocks.filter((block) => blockMeets(block, wish.set));
	const looked = own.filter((block) => seen.looked.some((other) => sameBlock(block, other)));
	const drawn = draw(store, { ...wish, blocks: looked, isFree: seen.isFree });
	if (drawn !== undefined) return { ...drawn, rest: seen.restOf(drawn.address) };
	const open = openBlocks(hint.read()).filter((block) => own.some((other) => sameBlock(block, other)));
	if (open.length > looked.length && seen.looked.length < mostBlocks) return "look again";
	// One process at a time: the others find what it has claimed.
	const claimed = () =>
		openBlocks(hint.read()).filter(
			(block) => blockMeets(block, wish.set) && !own.some((other) => sameBlock(block, other)),
		);
	turn.take(() => claimed().length > 0);
	const found = draw(store, { ...wish, blocks: claimed(), isFree: () => true });
	if (found !== undefined) {
		if (others.every(({ how }) => how !== "claim")) turn.end();
		return found;
	}
	const claim = await planClaim(planning, { wish, others });
	if (claim !== undefined) return claim;
	// Somebody may have released some of what was full.
	if (looked.length < own.length && seen.looked.length < mostBlocks) {
		hint.learn({ full: [] });
		return "look again";
	}
	return options.borrow
		? await findToBorrow(wish.set, { gateway, layout, lengths: options.blockLengths, now: now() })
		: undefined;
}

/** A block that belongs to nobody; as a rule nothing of it is taken, and when something is, the transaction tells. */
async function planClaim(
	{ store, seen, attempt, barren }: Planning,
	{ wish: { set, setIndex }, others }: { wish: Wish; others: readonly Plan[] },
): Promise<Plan | undefined> {
	const { layout, gateway, options, hint } = store;
	const cursor = cursorOf(hint.read(), setIndex);
	const from = (block: Block): Plan | undefined => {
		const free = firstFree(set, { cursor, blocks: [block], isFree: seen.isFree });
		return free && { how: "claim", rest: seen.restOf(free.address), ...free };
	};
	// That of another set may have room for this one.
	const candidates = others.flatMap((plan) => (plan.how === "claim" ? (from(plan.block) ?? []) : []));
	// Who has lost the race for a block passes some over: whoever has lost it too looks at the same.
	const passing = attempt < 2 ? 0 : Math.floor(Math.random() * Math.min(2 ** attempt, 64));
	for await (const block of freeBlocks(set, { gateway, layout, lengths: options.blockLengths })) {
		const plan = barren.has(blockName(block)) ? undefined : from(block);
		if (plan === undefined) continue;
		candidates.push(plan);
		if (candidates.length > passing) break;
	}
	return candidates.at(-1);
}

function randomText(): string {
	return Math.floor(Math.random() * 2 ** 53).toString(36);
}

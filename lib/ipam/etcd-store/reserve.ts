import type { Attachment } from "../../cni/plugin.ts";
import { absent, transact } from "../../etcd/kv.ts";
import { formatAddress, type IpAddress, parseAddress } from "../../ip/address.ts";
import { rangeOf } from "../range-set.ts";
import type { ReserveOutcome, Wish } from "../store.ts";
import type { Tags } from "../tags.ts";
import { type Block, blockMeets, blockName, parseBlock, sameBlock } from "./block.ts";
import { findToBorrow } from "./borrow.ts";
import { commit, ownerValue, type Reservation } from "./commit.ts";
import { countHeld, countResting } from "./count.ts";
import { freeBlocks } from "./find-block.ts";
import type { Hint } from "./hint.ts";
import { lookFor, type Seen, seenIn, type View } from "./look.ts";
import { occupancyOf, readBlocks } from "./occupancy.ts";
import { firstFree, type Plan } from "./plan.ts";
import { parseOwner, parseRecord } from "./record.ts";
import type { Store } from "./store.ts";
import { findPredecessor } from "./takeover.ts";

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
	let hint = store.hint.read();
	let plans = guess(store, wishes);
	let seen: Seen | undefined;
	for (let attempt = 0; ; attempt++) {
		const view: View = {
			layout,
			agent: options.agent,
			owner,
			requested,
			now: now(),
			blocks: worthLooking(hint, wishes),
		};
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
		hint = store.hint.learn({ fence: seen.fence, blocks: seen.blocks.map(blockName) });
		const next = await planAll({ store, seen, wishes, tags, attempt });
		if ("kind" in next) return next;
		plans = next.plans;
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
		const own = blocks ?? hint.blocks.flatMap((name) => parseBlock(name) ?? []);
		const free = firstFree(set, { cursor: cursorOf(hint, setIndex), blocks: own, isFree });
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

function worthLooking({ blocks }: Hint, wishes: readonly Wish[]): readonly Block[] {
	const parsed = blocks.flatMap((name) => parseBlock(name) ?? []);
	return parsed.filter((block) => wishes.some(({ set }) => blockMeets(block, set))).slice(0, mostBlocks);
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
	const { store, seen } = planning;
	const own = seen.blocks.filter((block) => blockMeets(block, wish.set));
	const looked = own.filter((block) => seen.looked.some((other) => sameBlock(block, other)));
	if (looked.length < own.length && seen.looked.length < mostBlocks) return "look again";
	const drawn = draw(store, { ...wish, blocks: looked, isFree: seen.isFree });
	if (drawn !== undefined) return { ...drawn, rest: seen.restOf(drawn.address) };
	const { layout, gateway, options, now } = store;
	return (
		(await planClaim(planning, { wish, others })) ??
		(options.borrow
			? await findToBorrow(wish.set, { gateway, layout, lengths: options.blockLengths, now: now() })
			: undefined)
	);
}

async function planClaim(
	{ store, attempt }: Planning,
	{ wish: { set, setIndex }, others }: { wish: Wish; others: readonly Plan[] },
): Promise<Plan | undefined> {
	const { layout, gateway, options, now } = store;
	const cursor = cursorOf(store.hint.read(), setIndex);
	const claimed = others.flatMap((plan) => (plan.how === "claim" ? [plan.block] : []));
	const from = async (block: Block): Promise<Plan | undefined> => {
		const { reads } = await transact(gateway, { success: readBlocks(layout, [block]) });
		const { isFree, restOf } = occupancyOf(reads, now());
		const free = firstFree(set, { cursor, blocks: [block], isFree });
		return free && { how: "claim", rest: restOf(free.address), ...free };
	};
	for (const block of claimed.filter((block) => blockMeets(block, set))) {
		const plan = await from(block);
		if (plan !== undefined) return plan;
	}
	// Who has lost the race for a block passes some over: whoever has lost it too looks at the same.
	const passed: Block[] = [];
	const passing = attempt < 2 ? 0 : Math.floor(Math.random() * Math.min(2 ** attempt, 64));
	for await (const block of freeBlocks(set, { gateway, layout, lengths: options.blockLengths })) {
		if (passed.length < passing) {
			passed.push(block);
			continue;
		}
		const plan = await from(block);
		if (plan !== undefined) return plan;
	}
	for (const block of passed) {
		const plan = await from(block);
		if (plan !== undefined) return plan;
	}
	return undefined;
}

function randomText(): string {
	return Math.floor(Math.random() * 2 ** 53).toString(36);
}

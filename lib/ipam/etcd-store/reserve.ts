import type { Attachment } from "../../cni/plugin.ts";
import { absent, transact } from "../../etcd/kv.ts";
import { samePools } from "../added-pools.ts";
import type { ReserveOutcome, Wish } from "../store.ts";
import type { Tags } from "../tags.ts";
import { draw, given, learned, owned } from "./beliefs.ts";
import { type Block, blockName } from "./block.ts";
import { commit, ownerValue, type Reservation } from "./commit.ts";
import { firstFree } from "./free-block.ts";
import type { Hint } from "./hint.ts";
import { believed, look, type Seen } from "./look.ts";
import type { Plan } from "./plan.ts";
import { planAll, staleBlocks } from "./plan-all.ts";
import type { Store } from "./store.ts";
import { Turn } from "./turn.ts";

/**
 * Takes an address for each wish, or none.
 *
 * The hint says what to try, and as a rule one transaction tries it and succeeds. After one that has failed we ask how things
 * are, and make the next from that, until one succeeds or there is nothing to take. Where the network has other pools than
 * the wishes say, they have to be made anew.
 *
 * @throws EtcdError; an `unsure` one may have taken the addresses
 */
export async function reserve(
	store: Store,
	{ owner, wishes, tags }: { owner: Attachment; wishes: readonly Wish[]; tags: Tags },
): Promise<ReserveOutcome> {
	const { layout, gateway, options, now } = store;
	const { pools = [] } = wishes[0] ?? {};
	const call = randomText();
	const looked = new Set<string>();
	const barren = new Set<string>();
	using turn = new Turn(store);
	let { hint, plans } = guess(store, wishes);
	if (plans === undefined) {
		// Somebody may be about to find what we need as well.
		turn.take(() => {
			({ hint, plans } = guess(store, wishes));
			return plans !== undefined;
		});
	}
	let seen: Seen | undefined;
	for (let looks = 0; ; looks++) {
		if (plans === undefined) {
			const planning = { store, wishes, tags, turn, looks, looked, barren };
			const next = await planAll({ ...planning, seen: seen ?? believed(hint) });
			if ("kind" in next) return next;
			plans = next.plans;
			if (plans?.every(({ how }) => how !== "claim")) turn.end();
		}
		let failed: Reservation | undefined;
		if (plans !== undefined) {
			failed = {
				layout,
				agent: options.agent,
				owner,
				tags,
				plans,
				pools,
				before: seen?.owner,
				fence: seen?.fence ?? hint.fence,
				rested: seen?.rested ?? [],
				wasLost: seen?.agent.lostSince !== undefined,
				call,
				time: now(),
			};
			const { succeeded } = await transact(gateway, commit(failed));
			if (succeeded) return reserved(store, { plans, wishes });
			turn.end();
		}
		const blocks = worthLooking(store.hint.read(), { wishes, plans, looked });
		const requested = wishes.flatMap((wish) => wish.requested ?? []);
		seen = await look(gateway, { layout, agent: options.agent, owner, requested, now: now(), blocks });
		// It had succeeded, and the answer was lost.
		if (failed !== undefined && seen.owner?.value === ownerValue(failed)) {
			return reserved(store, { plans: failed.plans, wishes });
		}
		const sight = seen;
		store.hint.note((before) => learned(before, sight));
		for (const block of blocks) {
			looked.add(blockName(block));
			if (isFull(block, { seen, wishes })) barren.add(blockName(block));
		}
		if (!samePools(seen.pools, pools)) {
			store.pools.note(seen.pools);
			return { kind: "outdated", pools: seen.pools };
		}
		plans = undefined;
	}
}

interface Guess {
	readonly hint: Hint;
	readonly plans: readonly Plan[] | undefined;
}

/** What the hint suggests; no plans where it has nothing to say. */
function guess(store: Store, wishes: readonly Wish[]): Guess {
	return store.hint.update((before): readonly [Hint, Guess] => {
		const plans: Plan[] = [];
		let hint = before;
		for (const wish of wishes) {
			if (wish.requested !== undefined) {
				plans.push({ how: "request", address: wish.requested });
				continue;
			}
			const [after, drawn] = draw(hint, wish);
			if (drawn === undefined) return [before, { hint: before, plans: undefined }];
			hint = after;
			plans.push({ how: "own", rest: absent, ...drawn });
		}
		return [hint, { hint, plans }];
	});
}

/** A transaction has 128 operations at most. */
const mostBlocks = 48;

/** The blocks of what has failed, and those of our own in which there may be more than we know. */
function worthLooking(
	hint: Hint,
	{
		wishes,
		plans = [],
		looked,
	}: { wishes: readonly Wish[]; plans: readonly Plan[] | undefined; looked: ReadonlySet<string> },
): readonly Block[] {
	const tried = plans.flatMap((plan) => ("block" in plan ? [plan.block] : []));
	const stale = staleBlocks(hint, { wishes, looked });
	const unique = new Map([...tried, ...stale].map((block) => [blockName(block), block]));
	return [...unique.values()].slice(0, mostBlocks);
}

/** Whether a block has nothing for any of the sets. */
function isFull(block: Block, { seen, wishes }: { seen: Seen; wishes: readonly Wish[] }): boolean {
	const blocks = [{ ...block, free: seen.freeIn(block) }];
	return wishes.every(({ set }) => firstFree(set, { blocks }) === undefined);
}

function reserved(
	store: Store,
	{ plans, wishes }: { plans: readonly Plan[]; wishes: readonly Wish[] },
): ReserveOutcome {
	// Those of our own blocks were noted when they were drawn.
	if (plans.some(({ how }) => how !== "own")) {
		store.hint.note((before) =>
			plans.reduce((hint, plan, index) => carriedOut(hint, { plan, setIndex: wishes[index]?.setIndex ?? 0 }), before),
		);
	}
	return { kind: "reserved", addresses: plans.map(({ address }) => address) };
}

function carriedOut(hint: Hint, { plan, setIndex }: { plan: Plan; setIndex: number }): Hint {
	if (plan.how === "own") return hint;
	return given(plan.how === "claim" ? owned(hint, plan.block) : hint, { setIndex, address: plan.address });
}

function randomText(): string {
	return Math.floor(Math.random() * 2 ** 53).toString(36);
}

import type { Attachment } from "../../cni/plugin.ts";
import { absent, type Compare, type KeyValue, type Operation, type Transaction } from "../../etcd/kv.ts";
import { sameAddress } from "../../ip/address.ts";
import type { AddedPool } from "../added-pools.ts";
import type { Tags } from "../tags.ts";
import type { Layout } from "./layout.ts";
import type { Plan } from "./plan.ts";
import { poolGuards } from "./pool-guards.ts";
import { formatOwner, formatRecord, parseOwner } from "./record.ts";

/** All that one reservation puts into etcd. */
export interface Reservation {
	readonly layout: Layout;
	readonly agent: string;
	readonly owner: Attachment;
	readonly tags: Tags;
	readonly plans: readonly Plan[];
	/** The network's pools as the plans were made from them. */
	readonly pools: readonly AddedPool[];
	/** The owner's key as it was seen, when it holds addresses of other sets. */
	readonly before: KeyValue | undefined;
	readonly fence: string;
	/** Keys that only make a guess fail, and are removed on the way. */
	readonly rested: readonly KeyValue[];
	/** The agent was marked as lost, which this proves wrong. */
	readonly wasLost: boolean;
	/** Random; see {@link formatOwner}. */
	readonly call: string;
	/** Milliseconds since the epoch. */
	readonly time: number;
}

/** What it writes into the owner's key. */
export function ownerValue({ plans, before, call }: Reservation): string {
	return formatOwner([...parseOwner(before?.value ?? ""), ...plans.map(({ address }) => address)], call);
}

/**
 * The transaction that takes every planned address or none. Each `compare` is the reason why one thing cannot go wrong:
 * no address is given twice (its key must not exist), nothing is given out of a block that has changed hands or a pool that
 * was removed, nobody gets twice (the owner's key), and nothing comes of it once it was given up (the fence).
 */
export function commit(reservation: Reservation): Required<Pick<Transaction, "compare" | "success">> {
	const { layout, agent, owner, before, fence, wasLost, plans } = reservation;
	const ownerKey = layout.owner(agent, owner);
	const parts = plans.map((plan) => part(plan, reservation));
	const rested = reservation.rested.slice(0, mostRested);
	return {
		compare: [
			{ key: ownerKey, mod: before?.modRevision ?? absent },
			{ key: layout.agent(agent), mod: fence },
			...parts.flatMap(({ compare }) => compare),
			...poolGuards(layout, reservation),
			...rested.map(({ key, modRevision }) => ({ key, mod: modRevision })),
		],
		success: once([
			{ put: ownerKey, value: ownerValue(reservation) },
			...(wasLost ? [{ put: layout.agent(agent), value: "" }] : []),
			...parts.flatMap(({ success }) => success),
			...dispossess(plans, reservation.call),
			...rested.map(({ key }) => ({ remove: { key } })),
		]),
	};
}

/** A transaction has 128 compares and 128 operations at most. */
const mostRested = 64;

interface Part {
	readonly compare: readonly Compare[];
	readonly success: readonly Operation[];
}

function part(plan: Plan, { layout, agent, owner, tags, time }: Reservation): Part {
	const { address } = plan;
	const key = layout.address(address);
	const resting = layout.resting(address);
	const hasRested = !("rest" in plan) || plan.rest !== absent;
	const take: readonly Operation[] = [
		{ put: key, value: formatRecord(address, { ...tags, ...owner, agent, time }) },
		...(hasRested ? [{ remove: { key: resting } }] : []),
	];
	const isFree: Compare = { key, mod: absent };
	switch (plan.how) {
		case "own":
			return { compare: [isFree, rests(plan), { key: layout.block(plan.block), value: agent }], success: take };
		case "claim": {
			const block = layout.block(plan.block);
			const claim: readonly Operation[] = [
				{ put: block, value: agent },
				{ put: layout.blockOf(agent, plan.block), value: "" },
			];
			return { compare: [isFree, rests(plan), { key: block, mod: absent }], success: [...take, ...claim] };
		}
		case "borrow":
			return { compare: [isFree, rests(plan)], success: take };
		case "request":
			return { compare: [isFree], success: take };
		case "takeover": {
			const unchanged = [plan.from.address, plan.from.owner, plan.from.agent];
			return { compare: unchanged.map((kv) => ({ key: kv.key, mod: kv.modRevision })), success: take };
		}
	}

	function rests({ rest }: { readonly rest: string }): Compare {
		return { key: resting, mod: rest };
	}
}

/** Takes what is taken over from those who had it: several addresses may come from one owner. */
function dispossess(plans: readonly Plan[], call: string): readonly Operation[] {
	const takeovers = plans.flatMap((plan) => (plan.how === "takeover" ? [plan] : []));
	const owners = new Map(takeovers.map(({ from }) => [from.owner.key, from.owner]));
	return [...owners.values()].map(({ key, value }): Operation => {
		const left = parseOwner(value).filter((held) => !takeovers.some(({ address }) => sameAddress(address, held)));
		return left.length === 0 ? { remove: { key } } : { put: key, value: formatOwner(left, call) };
	});
}

/** etcd refuses to put a key twice: addresses of both sets may come out of one block that is claimed. */
function once(operations: readonly Operation[]): readonly Operation[] {
	const seen = new Set<string>();
	return operations.filter((operation) => {
		if (!("put" in operation)) return true;
		const isNew = !seen.has(operation.put);
		seen.add(operation.put);
		return isNew;
	});
}

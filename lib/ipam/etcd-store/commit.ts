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
	const { layout, agent, owner, before, fence, wasLost, plans, rested } = reservation;
	const ownerKey = layout.owner(agent, owner);
	const compare: Compare[] = [
		{ key: ownerKey, mod: before?.modRevision ?? absent },
		{ key: layout.agent(agent), mod: fence },
	];
	const success: Operation[] = [{ put: ownerKey, value: ownerValue(reservation) }];
	if (wasLost) success.push({ put: layout.agent(agent), value: "" });
	for (const plan of plans) take(plan, { reservation, compare, success });
	dispossess(reservation, success);
	compare.push(...poolGuards(layout, reservation));
	for (const { key, modRevision } of rested.slice(0, mostRested)) {
		compare.push({ key, mod: modRevision });
		success.push({ remove: { key } });
	}
	return { compare, success };
}

/** A transaction has 128 compares and 128 operations at most. */
const mostRested = 64;

/** The part of one plan. */
function take(
	plan: Plan,
	{ reservation, compare, success }: { reservation: Reservation; compare: Compare[]; success: Operation[] },
): void {
	const { layout, agent, owner, tags, time } = reservation;
	const { address } = plan;
	const key = layout.address(address);
	const resting = layout.resting(address);
	success.push({ put: key, value: formatRecord(address, { ...tags, ...owner, agent, time }) });
	if (plan.how !== "takeover") compare.push({ key, mod: absent });
	if ("rest" in plan) compare.push({ key: resting, mod: plan.rest });
	if (!("rest" in plan) || plan.rest !== absent) success.push({ remove: { key: resting } });
	switch (plan.how) {
		case "own":
			compare.push({ key: layout.block(plan.block), value: agent });
			break;
		case "claim": {
			const block = layout.block(plan.block);
			compare.push({ key: block, mod: absent });
			// etcd refuses to put a key twice, and addresses of both sets may come out of one block.
			if (success.some((operation) => "put" in operation && operation.put === block)) break;
			success.push({ put: block, value: agent }, { put: layout.blockOf(agent, plan.block), value: "" });
			break;
		}
		case "takeover":
			for (const kv of [plan.from.address, plan.from.owner, plan.from.agent]) {
				compare.push({ key: kv.key, mod: kv.modRevision });
			}
	}
}

/** Takes what is taken over from those who had it: several addresses may come from one owner. */
function dispossess({ plans, call }: Reservation, success: Operation[]): void {
	const takeovers = plans.filter((plan) => plan.how === "takeover");
	if (takeovers.length === 0) return;
	const owners = new Map(takeovers.map(({ from }) => [from.owner.key, from.owner]));
	for (const { key, value } of owners.values()) {
		const left = parseOwner(value).filter((held) => !takeovers.some(({ address }) => sameAddress(address, held)));
		success.push(left.length === 0 ? { remove: { key } } : { put: key, value: formatOwner(left, call) });
	}
}

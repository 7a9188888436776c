import type { Attachment } from "../../cni/plugin.ts";
import { absent, type Compare, type KeyValue, type Operation, type Transaction } from "../../etcd/kv.ts";
import { sameAddress } from "../../ip/address.ts";
import type { Tags } from "../tags.ts";
import type { Layout } from "./layout.ts";
import { attachmentOfKey } from "./layout.ts";
import type { Plan } from "./plan.ts";
import { formatOwner, formatRecord, parseOwner } from "./record.ts";

/** All that one reservation puts into etcd. */
export interface Reservation {
	readonly layout: Layout;
	readonly agent: string;
	readonly owner: Attachment;
	readonly tags: Tags;
	readonly plans: readonly Plan[];
	/** The owner's key as it was seen, when it holds addresses of other sets. */
	readonly before: KeyValue | undefined;
	readonly fence: string;
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
 * no address is given twice (its key must not exist), nothing is given out of a block that has changed hands, nobody
 * gets twice (the owner's key), and nothing comes of it once it was given up (the fence).
 */
export function commit(reservation: Reservation): Required<Pick<Transaction, "compare" | "success">> {
	const { layout, agent, owner, before, fence, wasLost, plans } = reservation;
	const ownerKey = layout.owner(agent, owner);
	const parts = plans.map((plan) => part(plan, reservation));
	return {
		compare: [
			{ key: ownerKey, mod: before?.modRevision ?? absent },
			{ key: layout.agent(agent), mod: fence },
			...parts.flatMap(({ compare }) => compare),
		],
		success: once([
			{ put: ownerKey, value: ownerValue(reservation) },
			...(wasLost ? [{ put: layout.agent(agent), value: "" }] : []),
			...parts.flatMap(({ success }) => success),
		]),
	};
}

interface Part {
	readonly compare: readonly Compare[];
	readonly success: readonly Operation[];
}

function part(plan: Plan, { layout, agent, owner, tags, time }: Reservation): Part {
	const { address } = plan;
	const key = layout.address(address);
	const resting = layout.resting(address);
	const take: readonly Operation[] = [
		{ put: key, value: formatRecord(address, { ...tags, ...owner, agent, time }) },
		{ remove: { key: resting } },
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
			const { address: held, owner: other, agent: lost } = plan.from;
			const left = parseOwner(other.value).filter((each) => !sameAddress(each, address));
			const dispossess: Operation =
				left.length === 0
					? { remove: { key: other.key } }
					: { put: other.key, value: formatOwner(left, attachmentOfKey(other.key).containerId) };
			const unchanged = [held, other, lost].map((kv) => ({ key: kv.key, mod: kv.modRevision }));
			return { compare: unchanged, success: [...take, dispossess] };
		}
	}

	function rests({ rest }: { readonly rest: string }): Compare {
		return { key: resting, mod: rest };
	}
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

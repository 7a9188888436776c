import type { IpAddress } from "../../ip/address.ts";
import { sameAddress } from "../../ip/address.ts";
import { blockOf, blockSize, sameBlock, spanOf } from "../../ipam/etcd-store/block.ts";
import { type AddressRange, rangeContains, rangeSize } from "../../ipam/range.ts";
import type { AddressPlan, AgentBlock } from "./address-plan.ts";

/** How much of a range is given. */
export interface RangeUsage {
	readonly range: AddressRange;
	/** Whether it is a pool, beside the configuration. */
	readonly isAdded: boolean;
	readonly size: bigint;
	readonly held: number;
	readonly resting: number;
}

export function rangeUsages({ sets, pools, reservations, resting }: AddressPlan): readonly RangeUsage[] {
	return sets.flat().map((range) => {
		const within = (address: IpAddress) => rangeContains(range, address) && !sameAddress(address, range.gateway);
		return {
			range,
			isAdded: pools.some((pool) => pool.range === range),
			size: rangeSize(range),
			held: reservations.filter(({ address }) => within(address)).length,
			resting: resting.filter(within).length,
		};
	});
}

/** Reservations in no range: of a configuration that was another, or that is not here. */
export function heldOutside({ sets, reservations }: AddressPlan): number {
	const ranges = sets.flat();
	return reservations.filter(({ address }) => !ranges.some((range) => rangeContains(range, address))).length;
}

export interface BlockUsage extends AgentBlock {
	readonly size: bigint;
	/** By whomever. */
	readonly held: number;
}

export function blockUsages({ reservations, blocks }: AddressPlan): readonly BlockUsage[] {
	const byLength = new Map<string, number>();
	const lengths = new Map(blocks.map(({ block }) => [`${block.network.family}/${block.length}`, block]));
	for (const { address } of reservations) {
		for (const { network, length } of lengths.values()) {
			if (network.family !== address.family) continue;
			const key = `${length} ${address.family}-${blockOf(address, { 4: length, 6: length }).network.value}`;
			byLength.set(key, (byLength.get(key) ?? 0) + 1);
		}
	}
	return blocks
		.map(({ block, agent }) => ({
			block,
			agent,
			size: blockSize(block),
			held: byLength.get(`${block.length} ${block.network.family}-${block.network.value}`) ?? 0,
		}))
		.sort(
			(a, b) =>
				Number(a.block.network.family - b.block.network.family) ||
				(spanOf(a.block).first.value < spanOf(b.block).first.value ? -1 : 1),
		);
}

/** What one agent has of a network. */
export interface AgentUsage {
	readonly agent: string;
	/** Milliseconds since the epoch. */
	readonly lostSince: number | undefined;
	readonly blocks: number;
	readonly held: number;
	/** Of these, in blocks of others or in none. */
	readonly elsewhere: number;
}

export function agentUsages(plan: AddressPlan): readonly AgentUsage[] {
	const { reservations, blocks, lost } = plan;
	const names = new Set([...blocks.map(({ agent }) => agent), ...reservations.flatMap(({ agent }) => agent ?? [])]);
	return [...names].sort().map((agent) => {
		const own = blocks.filter((each) => each.agent === agent).map(({ block }) => block);
		const held = reservations.filter((each) => each.agent === agent);
		const isOwn = (address: IpAddress) =>
			own.some((block) => sameBlock(block, blockOf(address, { 4: block.length, 6: block.length })));
		return {
			agent,
			lostSince: lost.get(agent),
			blocks: own.length,
			held: held.length,
			elsewhere: held.filter(({ address }) => !isOwn(address)).length,
		};
	});
}

import { absent, type KeyValue, type Operation, type ReadAnswer } from "../../etcd/kv.ts";
import type { IpAddress } from "../../ip/address.ts";
import { addressName, addressOfKey } from "./address-name.ts";
import { type Block, spanOf } from "./block.ts";
import type { Layout } from "./layout.ts";

/** Which addresses of some blocks can be given. */
export interface Occupancy {
	isFree(address: IpAddress): boolean;
	/** The revision of the key by which the address rests or has rested. */
	restOf(address: IpAddress): string;
	/** Keys of addresses that have rested for long enough, and are of no use any more. */
	readonly rested: readonly KeyValue[];
}

/** What a transaction reads for {@link occupancyOf}. */
export function readBlocks(layout: Layout, blocks: readonly Block[]): readonly Operation[] {
	return blocks.flatMap((block) => [
		{ read: layout.addresses(spanOf(block)), only: "keys" as const },
		{ read: layout.restingIn(spanOf(block)) },
	]);
}

/** The answers to {@link readBlocks}; `now` is in milliseconds since the epoch. */
export function occupancyOf(reads: readonly ReadAnswer[], now: number): Occupancy {
	const taken = new Set<string>();
	const rests = new Map<string, KeyValue>();
	for (const [index, { found }] of reads.entries()) {
		for (const kv of found) {
			const address = addressOfKey(kv.key);
			if (address === undefined) continue;
			if (index % 2 === 0) taken.add(addressName(address));
			else rests.set(addressName(address), kv);
		}
	}
	return {
		isFree(address) {
			const name = addressName(address);
			return !taken.has(name) && !(Number(rests.get(name)?.value ?? 0) > now);
		},
		rested: [...rests.values()].filter(({ value }) => Number(value) <= now),
		restOf: (address) => rests.get(addressName(address))?.modRevision ?? absent,
	};
}

import { absent, type KeyValue, type Operation, type ReadAnswer } from "../../etcd/kv.ts";
import { type IpAddress, sameAddress } from "../../ip/address.ts";
import { addressOfKey } from "./address-name.ts";
import { type Block, spanOf } from "./block.ts";
import { allBut, placeIn } from "./free-block.ts";
import type { Layout } from "./layout.ts";

/** Which addresses of some blocks can be given. */
export interface Occupancy {
	/** The free addresses of a block, as in free-block.ts: all that are neither held nor rest, as far as they were looked at. */
	freeIn(block: Block): string;
	/** Whether some rest, and so will be free without anybody saying so. */
	restsIn(block: Block): boolean;
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
	const keys = (parity: number) =>
		reads.filter((_, index) => index % 2 === parity).flatMap(({ found }) => found.flatMap(placed));
	const taken = keys(0);
	const resting = keys(1);
	const asleep = resting.filter(({ kv }) => Number(kv.value) > now);
	return {
		freeIn: (block) =>
			allBut(
				block,
				[...taken, ...asleep].map(({ address }) => address),
			),
		restsIn: (block) => asleep.some(({ address }) => placeIn(block, address) >= 0),
		restOf: (address) => resting.find((rest) => sameAddress(rest.address, address))?.kv.modRevision ?? absent,
		rested: resting.filter(({ kv }) => Number(kv.value) <= now).map(({ kv }) => kv),
	};
}

function placed(kv: KeyValue): readonly { readonly address: IpAddress; readonly kv: KeyValue }[] {
	const address = addressOfKey(kv.key);
	return address === undefined ? [] : [{ address, kv }];
}

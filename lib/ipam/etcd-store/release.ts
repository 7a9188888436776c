import type { Attachment } from "../../cni/plugin.ts";
import { absent, type KeyValue, type Operation, read, transact } from "../../etcd/kv.ts";
import { type IpAddress, sameAddress } from "../../ip/address.ts";
import { doubted, emptied, owning } from "./beliefs.ts";
import { type Block, blockName, blockOf, parseBlock, sameBlock, spanOf } from "./block.ts";
import { namesOf } from "./hint.ts";
import { formatOwner, parseOwner } from "./record.ts";
import type { Store } from "./store.ts";

export interface ReleaseOptions {
	/** The owner's key, where it was read already. */
	readonly seen?: KeyValue | undefined;
	/** Only these. */
	readonly only?: readonly IpAddress[] | undefined;
	/** Whether they rest before they are given again. */
	readonly rests: boolean;
}

/** Frees what the owner holds, all or nothing, and returns it. @throws EtcdError */
export async function release(
	store: Store,
	owner: Attachment,
	{ seen, only, rests }: ReleaseOptions,
): Promise<readonly IpAddress[]> {
	const { gateway, layout, options } = store;
	const key = layout.owner(options.agent, owner);
	let before = seen ?? (await read(gateway, { key })).found[0];
	for (;;) {
		if (before === undefined) return [];
		const held = parseOwner(before.value);
		const chosen = held.filter((address) => only?.some((other) => sameAddress(other, address)) ?? true);
		if (chosen.length === 0 && held.length > 0) return [];
		const blocks = uniqueBlocks(chosen, options.blockLengths);
		const { succeeded, reads } = await transact(gateway, {
			compare: [{ key, mod: before.modRevision }],
			success: [
				...removal(store, { key, held, chosen, rests }),
				...blocks.map((block) => ({ read: layout.addresses(spanOf(block)), only: "count" as const })),
			],
			failure: [{ read: { key } }],
		});
		if (succeeded) {
			store.hint.note((hint) => doubted(hint, blocks.map(blockName)));
			const emptied = blocks.filter((_, index) => reads[index]?.count === 0);
			await giveBack(store, emptied);
			return chosen;
		}
		before = reads[0]?.found[0];
	}
}

/**
 * The same for a reservation of which nothing is sure: whatever of it is still under way has no effect any more, for the
 * agent's fence is moved in the same transaction. @throws EtcdError
 */
export async function releaseAndFence(store: Store, owner: Attachment): Promise<void> {
	const { gateway, layout, options } = store;
	const key = layout.owner(options.agent, owner);
	const fence = layout.agent(options.agent);
	const look: readonly Operation[] = [{ read: { key } }, { read: { key: fence } }];
	let { reads } = await transact(gateway, { success: look });
	for (;;) {
		const [before, agent] = reads.map(({ found }) => found[0]);
		const held = parseOwner(before?.value ?? "");
		const answer = await transact(gateway, {
			compare: [
				{ key, mod: before?.modRevision ?? absent },
				{ key: fence, mod: agent?.modRevision ?? absent },
			],
			success: [
				...(before === undefined ? [] : removal(store, { key, held, chosen: held, rests: true })),
				{ put: fence, value: agent?.value ?? "" },
			],
			failure: look,
		});
		if (answer.succeeded) return;
		reads = answer.reads;
	}
}

interface Removal {
	/** The owner's. */
	readonly key: string;
	readonly held: readonly IpAddress[];
	readonly chosen: readonly IpAddress[];
	readonly rests: boolean;
}

/** Keys of addresses and of their owner are only ever written together: the owner's revision stands for all of them. */
function removal({ layout, options, now }: Store, { key, held, chosen, rests }: Removal): readonly Operation[] {
	const left = held.filter((address) => !chosen.includes(address));
	const until = String(now() + options.cooldownMs);
	return [
		left.length === 0 ? { remove: { key } } : { put: key, value: formatOwner(left, until) },
		...chosen.map((address) => ({ remove: { key: layout.address(address) } })),
		...(rests && options.cooldownMs > 0
			? chosen.map((address) => ({ put: layout.resting(address), value: until }))
			: []),
	];
}

/** Gives up blocks that have no address any more; of each family the agent keeps an empty one. */
export async function giveBack(store: Store, empty: readonly Block[]): Promise<void> {
	const { gateway, layout, options, hint } = store;
	for (const each of empty) {
		// Taken out of the hint first: of two processes that each give back one of the last two, only one finds two.
		const name = hint.update((before) => emptied(before, blockName(each)));
		const block = name === undefined ? undefined : parseBlock(name);
		if (name === undefined || block === undefined) continue;
		const { succeeded } = await transact(gateway, {
			compare: [
				{ key: layout.block(block), value: options.agent },
				{ ...layout.addresses(spanOf(block)), mod: absent },
			],
			success: [{ remove: { key: layout.block(block) } }, { remove: { key: layout.blockOf(options.agent, block) } }],
		});
		if (!succeeded) hint.note((before) => owning(before, [...namesOf(before), name]));
	}
}

function uniqueBlocks(addresses: readonly IpAddress[], lengths: Store["options"]["blockLengths"]): readonly Block[] {
	const blocks = addresses.map((address) => blockOf(address, lengths));
	return blocks.filter((block, index) => blocks.findIndex((other) => sameBlock(block, other)) === index);
}

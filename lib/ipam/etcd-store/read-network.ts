import type { Attachment } from "../../cni/plugin.ts";
import type { Gateway } from "../../etcd/gateway.ts";
import { type KeyValue, prefixRange } from "../../etcd/kv.ts";
import { readSnapshot } from "../../etcd/read-snapshot.ts";
import type { IpAddress } from "../../ip/address.ts";
import { addressOfKey } from "./address-name.ts";
import { type AgentState, parseAgent } from "./agent.ts";
import { type Block, parseBlock } from "./block.ts";
import { attachmentOfKey } from "./layout.ts";
import { type PoolKey, parsePoolKey } from "./pool-key.ts";
import { type AddressRecord, parseOwner, parseRecord } from "./record.ts";

/** All that etcd has of one network, as it was at one time. */
export interface NetworkKeys {
	readonly addresses: readonly HeldAddress[];
	readonly resting: readonly RestingAddress[];
	readonly blocks: readonly OwnedBlock[];
	/** The blocks again, by agent. */
	readonly indexedBlocks: readonly OwnedBlock[];
	readonly owners: readonly AddressOwner[];
	readonly pools: readonly PoolKey[];
	/** Keys that this release does not know. */
	readonly foreign: readonly KeyValue[];
}

export interface HeldAddress {
	readonly address: IpAddress;
	/** Undefined for a value that is none of ours. */
	readonly record: AddressRecord | undefined;
	readonly kv: KeyValue;
}

export interface RestingAddress {
	readonly address: IpAddress;
	/** Milliseconds since the epoch. */
	readonly until: number;
}

export interface OwnedBlock {
	readonly block: Block;
	readonly agent: string;
	readonly kv: KeyValue;
}

export interface AddressOwner {
	readonly agent: string;
	readonly owner: Attachment;
	readonly addresses: readonly IpAddress[];
	readonly kv: KeyValue;
}

/** @throws EtcdError */
export async function readNetwork(
	gateway: Gateway,
	{ prefix, network }: { readonly prefix: string; readonly network: string },
	onPage?: (done: number, all: number) => void,
): Promise<NetworkKeys> {
	const root = `${prefix}/network/${network}/`;
	const [addresses, resting, blocks, indexedBlocks, owners, pools, foreign] = [
		[] as HeldAddress[],
		[] as RestingAddress[],
		[] as OwnedBlock[],
		[] as OwnedBlock[],
		[] as AddressOwner[],
		[] as PoolKey[],
		[] as KeyValue[],
	];
	for (const kv of await readSnapshot(gateway, prefixRange(root), onPage)) {
		const [kind, agent = "", part] = kv.key.slice(root.length).split("/");
		const address = addressOfKey(kv.key);
		const block = parseBlock(kv.key);
		if (kind === "address" && address) addresses.push({ address, record: parseRecord(kv.value), kv });
		else if (kind === "resting" && address) resting.push({ address, until: Number(kv.value) });
		else if (kind === "block" && block) blocks.push({ block, agent: kv.value, kv });
		else if (kind === "pool") pools.push(parsePoolKey(kv));
		else if (kind === "agent" && part === "block" && block) indexedBlocks.push({ block, agent, kv });
		else if (kind === "agent" && part === "owner") {
			owners.push({ agent, owner: attachmentOfKey(kv.key), addresses: parseOwner(kv.value), kv });
		} else foreign.push(kv);
	}
	return { addresses, resting, blocks, indexedBlocks, owners, pools, foreign };
}

/** Every agent that has ever been fenced or marked, by name. @throws EtcdError */
export async function readAgents(gateway: Gateway, prefix: string): Promise<ReadonlyMap<string, AgentState>> {
	const root = `${prefix}/agent/`;
	const found = await readSnapshot(gateway, prefixRange(root));
	return new Map(found.map(({ key, value }) => [key.slice(root.length), parseAgent(value)]));
}

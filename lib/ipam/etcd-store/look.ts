import type { Attachment } from "../../cni/plugin.ts";
import type { Gateway } from "../../etcd/gateway.ts";
import { absent, type KeyValue, type Operation, type ReadAnswer, transact } from "../../etcd/kv.ts";
import type { IpAddress } from "../../ip/address.ts";
import type { AddedPool } from "../added-pools.ts";
import { type AgentState, parseAgent } from "./agent.ts";
import { type Block, blockName, parseBlock } from "./block.ts";
import { type Hint, namesOf } from "./hint.ts";
import type { Layout } from "./layout.ts";
import { type Occupancy, occupancyOf, readBlocks } from "./occupancy.ts";
import { poolsIn } from "./pool-key.ts";

/** What one attachment of one agent wants to know. */
export interface View {
	readonly layout: Layout;
	readonly agent: string;
	readonly owner: Attachment;
	/** Blocks to look into. */
	readonly blocks: readonly Block[];
	/** Addresses that somebody asks for. */
	readonly requested: readonly IpAddress[];
	/** Milliseconds since the epoch. */
	readonly now: number;
}

/** How things are in etcd, as far as that attachment is concerned; {@link Occupancy} is that of the blocks looked into. */
export interface Seen extends Occupancy {
	readonly looked: readonly Block[];
	/** The owner's key, and the agent's. */
	readonly owner: KeyValue | undefined;
	readonly agent: AgentState;
	readonly fence: string;
	/** Names of the blocks that belong to the agent. */
	readonly blocks: readonly string[];
	/** The network's pools. */
	readonly pools: readonly AddedPool[];
	/** The keys of requested addresses that are held. */
	readonly requested: readonly KeyValue[];
}

/** Asks how things are. @throws EtcdError */
export async function look(gateway: Gateway, view: View): Promise<Seen> {
	const { reads } = await transact(gateway, { success: lookFor(view) });
	return seenIn(view, reads);
}

/** How things are if the hint is right: nothing else is known. */
export function believed(hint: Hint): Seen {
	return {
		...occupancyOf([], 0),
		looked: [],
		owner: undefined,
		agent: { lostSince: undefined },
		fence: hint.fence,
		blocks: namesOf(hint),
		pools: [],
		requested: [],
	};
}

function lookFor({ layout, agent, owner, blocks, requested }: View): readonly Operation[] {
	return [
		{ read: { key: layout.owner(agent, owner) } },
		{ read: { key: layout.agent(agent) } },
		{ read: layout.blocksOf(agent), only: "keys" },
		{ read: layout.pools },
		...requested.map((address) => ({ read: { key: layout.address(address) } })),
		...readBlocks(layout, blocks),
	];
}

function seenIn({ blocks: looked, requested, now }: View, reads: readonly ReadAnswer[]): Seen {
	const [owner, agent, own, pools, ...others] = reads;
	return {
		...occupancyOf(others.slice(requested.length), now),
		looked,
		owner: owner?.found[0],
		agent: parseAgent(agent?.found[0]?.value ?? ""),
		fence: agent?.found[0]?.modRevision ?? absent,
		blocks: (own?.found ?? []).flatMap(({ key }) => parseBlock(key) ?? []).map(blockName),
		pools: poolsIn(pools?.found ?? []),
		requested: others.slice(0, requested.length).flatMap(({ found }) => found),
	};
}

import type { Gateway } from "../../etcd/gateway.ts";
import { absent, type KeyValue, type Operation, transact } from "../../etcd/kv.ts";
import { readSnapshot } from "../../etcd/read-snapshot.ts";
import { type AgentState, formatAgent, parseAgent } from "../../ipam/etcd-store/agent.ts";
import { type AgentKeys, agentOfKey } from "./keys.ts";

/** The key of an agent as it was seen: `kv` is undefined where there was none. */
export interface SeenAgent {
	readonly agent: string;
	readonly state: AgentState;
	readonly kv: KeyValue | undefined;
}

/** Every agent that has a key, by name. @throws EtcdError */
export async function readMarks(gateway: Gateway, keys: AgentKeys): Promise<ReadonlyMap<string, SeenAgent>> {
	const found = await readSnapshot(gateway, keys.agents);
	return new Map(
		found.map((kv) => [agentOfKey(kv.key), { agent: agentOfKey(kv.key), state: parseAgent(kv.value), kv }]),
	);
}

export function unseen(agent: string): SeenAgent {
	return { agent, state: { lostSince: undefined }, kv: undefined };
}

/**
 * Writes a state, as long as the agent is as it was seen: whoever acts on it meanwhile, be it the agent itself, wins. This
 * also moves the agent's fence, so that what it has sent before and was not answered has no effect any more.
 *
 * @param options.unlessAlive does nothing while the agent reports itself alive
 * @param options.ifAlive does nothing while it does not
 * @param options.also done in the same transaction
 * @returns the agent as it is now, undefined when it was not as it was seen. @throws EtcdError
 */
export async function writeState(
	gateway: Gateway,
	{
		keys,
		seen,
		state,
		unlessAlive = false,
		ifAlive = false,
		also = [],
	}: {
		keys: AgentKeys;
		seen: SeenAgent;
		state: AgentState;
		unlessAlive?: boolean;
		ifAlive?: boolean;
		also?: readonly Operation[];
	},
): Promise<SeenAgent | undefined> {
	const { agent, kv } = seen;
	const key = keys.agent(agent);
	const { succeeded, reads } = await transact(gateway, {
		compare: [
			{ key, mod: kv?.modRevision ?? absent },
			...(unlessAlive ? [{ key: keys.alive(agent), mod: absent }] : []),
			...(ifAlive ? [{ key: keys.alive(agent), exists: true as const }] : []),
		],
		success: [{ put: key, value: formatAgent(state) }, { read: { key } }, ...also],
	});
	return succeeded ? { agent, state, kv: reads[0]?.found[0] } : undefined;
}

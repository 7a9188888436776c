import type { Gateway } from "../../etcd/gateway.ts";
import { transact } from "../../etcd/kv.ts";
import { readSnapshot } from "../../etcd/read-snapshot.ts";
import { isAgentName } from "../agent-name.ts";
import type { Sighting } from "../agent-source.ts";
import { agentKeys, agentOfKey } from "./keys.ts";

/**
 * Agents that a source has seen, kept in etcd: who begins to watch when an agent is lost already learns from nobody else
 * that there was one. The key goes with what the agent held.
 */
export interface AgentMemory {
	/** Takes note of those that are there. */
	note(sightings: readonly Sighting[]): void;
	/** Writes what is new. @throws EtcdError */
	flush(): Promise<void>;
}

/** etcd takes 128 operations in one transaction, unless it was told otherwise. */
const mostOperations = 100;

export function agentMemory(gateway: Gateway, prefix: string): AgentMemory {
	const keys = agentKeys(prefix);
	const fresh = new Set<string>();
	const written = new Set<string>();
	return {
		note(sightings) {
			for (const { agent, state } of sightings) {
				if (state !== "present") written.delete(agent);
				else if (!written.has(agent) && isAgentName(agent)) fresh.add(agent);
			}
		},
		async flush() {
			while (fresh.size > 0) {
				const names = [...fresh].slice(0, mostOperations);
				await transact(gateway, { success: names.map((name) => ({ put: keys.seen(name), value: "" })) });
				for (const name of names) {
					fresh.delete(name);
					written.add(name);
				}
			}
		},
	};
}

/** Who has been noted. @throws EtcdError */
export async function rememberedAgents(gateway: Gateway, prefix: string): Promise<readonly string[]> {
	const found = await readSnapshot(gateway, agentKeys(prefix).allSeen);
	return found.map(({ key }) => agentOfKey(key));
}

import type { Gateway } from "../../etcd/gateway.ts";
import { type KeyValue, transact } from "../../etcd/kv.ts";
import type { AgentSource, Sighting } from "../agent-source.ts";
import { agentKeys, agentOfKey } from "./keys.ts";

export interface LeaseSourceOptions {
	readonly gateway: Gateway;
	readonly prefix: string;
	/** Between two looks. */
	readonly intervalMs: number;
	readonly wait: (milliseconds: number) => Promise<void>;
	/** Told of each look that etcd does not answer, and of each other. */
	readonly failed: (thrown: unknown) => void;
	readonly succeeded: () => void;
}

export interface LeaseSource extends AgentSource {
	/** Agents of which the last look has told for the last time, as they have withdrawn: they are to be forgotten. */
	withdrawn(): readonly string[];
}

/**
 * Agents that report themselves alive: lost is who has promised to, and does not. Of an agent that has never reported it
 * says nothing, and of one that has withdrawn once more that it is there, so that no mark stays.
 */
export function leaseSource({ gateway, prefix, intervalMs, wait, failed, succeeded }: LeaseSourceOptions): LeaseSource {
	const keys = agentKeys(prefix);
	const told = new Map<string, Sighting["state"]>();
	let isCurrent = false;
	let lookedBefore = false;
	let withdrawn: readonly string[] = [];

	const look = async (): Promise<readonly Sighting[]> => {
		try {
			// At one revision: who begins to report puts both.
			const { reads } = await transact(gateway, {
				success: [
					{ read: keys.allReports, only: "keys" },
					{ read: keys.allAlive, only: "keys" },
				],
			});
			isCurrent = true;
			succeeded();
			const [reports, alive] = reads.map(({ found }) => new Set(found.map(nameOf)));
			withdrawn = [...told.keys()].filter((agent) => reports?.has(agent) === false);
			for (const agent of withdrawn) told.delete(agent);
			return [
				...withdrawn.map((agent): Sighting => ({ agent, state: "present", reason: "it has withdrawn from reporting" })),
				...[...(reports ?? [])].flatMap((agent) => changeOf(agent, { isAlive: alive?.has(agent) ?? false })),
			];
		} catch (thrown) {
			isCurrent = false;
			failed(thrown);
			return [];
		}
	};

	const changeOf = (agent: string, { isAlive }: { isAlive: boolean }): readonly Sighting[] => {
		const state = isAlive ? "present" : "lost";
		if (told.get(agent) === state) return [];
		told.set(agent, state);
		const reason = isAlive ? "it reports itself alive" : "it has stopped to report itself alive";
		return [{ agent, state, reason, bySign: isAlive }];
	};

	return {
		get isCurrent() {
			return isCurrent;
		},
		withdrawn: () => withdrawn,
		async watch(timeoutMs) {
			for (let left = timeoutMs; ; ) {
				if (lookedBefore) {
					const pause = Math.min(left, intervalMs);
					if (pause > 0) await wait(pause);
					left -= pause;
				}
				lookedBefore = true;
				const sightings = await look();
				if (sightings.length > 0 || left <= 0) return sightings;
			}
		},
		[Symbol.dispose]: () => {},
	};
}

function nameOf({ key }: KeyValue): string {
	return agentOfKey(key);
}

import { prefixRange } from "../../etcd/kv.ts";

/**
 * What a prefix has of its agents, beside what they hold (lib/ipam/etcd-store/layout.ts):
 *
 *     <prefix>/agent/<agent>      fence and mark: lib/ipam/etcd-store/agent.ts
 *     <prefix>/reports/<agent>    it reports itself alive, and is lost when it does not: {@link Report}
 *     <prefix>/alive/<agent>      the same, with a lease: it does so at the moment
 *     <prefix>/seen/<agent>       somebody else watches over it, such as a master of Mesos: memory.ts
 *
 * The lease is a sign of life and nothing else: no address depends on it.
 */
export function agentKeys(prefix: string) {
	return {
		agent: (agent: string) => `${prefix}/agent/${agent}`,
		agents: prefixRange(`${prefix}/agent/`),
		reports: (agent: string) => `${prefix}/reports/${agent}`,
		allReports: prefixRange(`${prefix}/reports/`),
		alive: (agent: string) => `${prefix}/alive/${agent}`,
		allAlive: prefixRange(`${prefix}/alive/`),
		seen: (agent: string) => `${prefix}/seen/${agent}`,
		allSeen: prefixRange(`${prefix}/seen/`),
	};
}

export type AgentKeys = ReturnType<typeof agentKeys>;

/** The agent that a key of {@link agentKeys} is of. */
export function agentOfKey(key: string): string {
	return key.slice(key.lastIndexOf("/") + 1);
}

/** Who reports an agent alive. */
export interface Report {
	/** Since when, in milliseconds since the epoch. */
	readonly since: number;
	readonly host: string;
	/** Of the kernel: another machine, or the same after a boot, has another. */
	readonly boot: string;
}

export function formatReport({ since, host, boot }: Report): string {
	return JSON.stringify({ since, host, boot });
}

/** Undefined for a value that is none of ours. */
export function parseReport(text: string): Report | undefined {
	try {
		const { since, host, boot } = JSON.parse(text) as Record<string, unknown>;
		if (typeof since !== "number" || typeof host !== "string" || typeof boot !== "string") return undefined;
		return { since, host, boot };
	} catch {
		return undefined;
	}
}

import type { AgentState } from "../../ipam/etcd-store/agent.ts";

/** How long what a lost agent holds waits for its return, in milliseconds. */
export interface Grace {
	readonly defaultMs: number;
	/** Of networks that wait for another time. */
	readonly ofNetworkMs: ReadonlyMap<string, number>;
}

/** When what a lost agent holds of a network is to be released: what the mark says, so that all services agree. */
export function releaseTime(state: AgentState, { network, grace }: { network: string; grace: Grace }): number {
	const { lostSince = Number.POSITIVE_INFINITY, releaseAt, releaseAtIn = {}, gone } = state;
	if (gone === true) return Number.NEGATIVE_INFINITY;
	const own = Object.hasOwn(releaseAtIn, network) ? releaseAtIn[network] : undefined;
	return own ?? releaseAt ?? lostSince + (grace.ofNetworkMs.get(network) ?? grace.defaultMs);
}

/** The times that a mark of this moment says. */
export function releaseTimes(now: number, { defaultMs, ofNetworkMs }: Grace) {
	return {
		releaseAt: now + defaultMs,
		releaseAtIn: Object.fromEntries([...ofNetworkMs].map(([network, ms]) => [network, now + ms])),
	};
}

import type { AgentState } from "../../ipam/etcd-store/agent.ts";

/** How long what a lost agent holds waits for its return, in milliseconds. */
export interface Grace {
	readonly defaultMs: number;
	/** Of networks that wait for another time. */
	readonly ofNetworkMs: ReadonlyMap<string, number>;
}

/** How long after it was lost what an agent holds of a network is to be released: what the mark says, so that all agree. */
export function graceIn(state: AgentState, { network, grace }: { network: string; grace: Grace }): number {
	const { lostSince, releaseAt, releaseAtIn = {}, gone } = state;
	if (lostSince === undefined) return Number.POSITIVE_INFINITY;
	if (gone === true) return 0;
	const own = Object.hasOwn(releaseAtIn, network) ? releaseAtIn[network] : undefined;
	const time = own ?? releaseAt;
	return time === undefined ? (grace.ofNetworkMs.get(network) ?? grace.defaultMs) : time - lostSince;
}

/** The times that a mark of this moment says. */
export function releaseTimes(now: number, { defaultMs, ofNetworkMs }: Grace) {
	return {
		releaseAt: now + defaultMs,
		releaseAtIn: Object.fromEntries([...ofNetworkMs].map(([network, ms]) => [network, now + ms])),
	};
}

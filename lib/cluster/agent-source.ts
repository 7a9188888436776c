/** What tells of an agent, at the moment. */
export interface Sighting {
	/** The agent's name, as `ipam.agent` has it. */
	readonly agent: string;
	/** `present`: it is there. `lost`: it may come back. `gone`: it will not, on an operator's word or its own. */
	readonly state: "present" | "lost" | "gone";
	/** Why, as a clause: `master 10.0.0.5:5050 has removed it`. */
	readonly reason: string;
	/** It is present by its sign of life in etcd, which may have ended since. */
	readonly bySign?: boolean;
}

/** Somebody who watches agents. */
export interface AgentSource extends Disposable {
	/**
	 * What has been seen since the last call, in order; of an agent that is not named nothing has changed.
	 *
	 * A connection that breaks is no error: it is logged, made anew with a growing delay, and what has been missed is told then.
	 *
	 * @param timeoutMs waits at most so long for something to tell
	 */
	watch(timeoutMs: number): Promise<readonly Sighting[]>;
	/**
	 * Whether it knows how things are now: it has heard of every agent once, and would hear of a change. While it does not,
	 * nothing is released on its word. A source that cannot tell is believed once it has named an agent.
	 */
	readonly isCurrent?: boolean;
}

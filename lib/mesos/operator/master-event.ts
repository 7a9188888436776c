/** An agent that a master knows: the id that this master or one before it gave, and the name of its host. */
export interface KnownAgent {
	readonly id: string;
	readonly name: string;
}

/** More than any master has; what goes beyond is no cluster, but somebody who wants our memory. */
export const mostAgents = 100_000;

/** What a master knows at a moment. */
export interface AgentLists {
	readonly registered: readonly KnownAgent[];
	/** Read from the registry by a new master, and not yet registered again. */
	readonly recovered: readonly KnownAgent[];
}

/** What has to do with agents in what a master sends. */
export type MasterEvent =
	| {
			readonly kind: "subscribed";
			/** Undefined when the master did not say, or said too much. */
			readonly lists: AgentLists | undefined;
			readonly heartbeatMs: number;
	  }
	| { readonly kind: "added"; readonly agent: KnownAgent }
	| { readonly kind: "removed"; readonly id: string }
	| { readonly kind: "task"; readonly id: string; readonly sign: TaskSign };

/**
 * What a task says of its agent. `unreachable`: the master has lost it; `gone`: an operator has given it up; `running`: it
 * is there.
 */
export type TaskSign = "unreachable" | "gone" | "running";

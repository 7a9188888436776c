/**
 * The value of an agent's key. Its revision is the agent's fence: every reservation compares it, so that changing the key
 * puts an end to all that are under way, and to those that were sent and then given up.
 *
 *     ""                        nothing is known but that the fence was moved
 *     {"lost":1764000000000}    the agent was seen to be lost then, in milliseconds since the epoch
 */
export interface AgentState {
	readonly lostSince: number | undefined;
}

export function parseAgent(text: string): AgentState {
	try {
		const value = JSON.parse(text) as { lost?: unknown } | null;
		return { lostSince: typeof value?.lost === "number" ? value.lost : undefined };
	} catch {
		return { lostSince: undefined };
	}
}

export function formatAgent({ lostSince }: AgentState): string {
	return lostSince === undefined ? "" : JSON.stringify({ lost: lostSince });
}

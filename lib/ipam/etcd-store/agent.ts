/**
 * The value of an agent's key. Its revision is the agent's fence: every reservation compares it, so that changing the key
 * puts an end to all that are under way, and to those that were sent and then given up.
 *
 *     ""                        nothing is known but that the fence was moved, or that the agent has proven to be alive
 *     {"lost":1764000000000,    the agent was seen to be lost then, in milliseconds since the epoch
 *      "release":1764000600000, when what it holds is to be released; where that is not said, whoever does so decides
 *      "networks":{"slow":…},   the same of networks that wait for another time
 *      "gone":true,             somebody has said that it will not come back: nothing waits
 *      "why":"…",               for people
 *      "released":1764000601000}  all that it held has been released
 */
export interface AgentState {
	readonly lostSince: number | undefined;
	readonly releaseAt?: number | undefined;
	readonly releaseAtIn?: Readonly<Record<string, number>> | undefined;
	readonly gone?: boolean | undefined;
	readonly why?: string | undefined;
	readonly releasedAt?: number | undefined;
}

export function parseAgent(text: string): AgentState {
	try {
		const { lost, release, networks, gone, why, released } = JSON.parse(text) as Record<string, unknown>;
		if (typeof lost !== "number") return { lostSince: undefined };
		return {
			lostSince: lost,
			releaseAt: numberOf(release),
			releaseAtIn: numbersIn(networks),
			gone: gone === true,
			why: typeof why === "string" ? why : undefined,
			releasedAt: numberOf(released),
		};
	} catch {
		return { lostSince: undefined };
	}
}

export function formatAgent({ lostSince, releaseAt, releaseAtIn = {}, gone, why, releasedAt }: AgentState): string {
	if (lostSince === undefined) return "";
	return JSON.stringify({
		lost: lostSince,
		release: releaseAt,
		networks: Object.keys(releaseAtIn).length === 0 ? undefined : releaseAtIn,
		gone: gone || undefined,
		why,
		released: releasedAt,
	});
}

function numberOf(value: unknown): number | undefined {
	return typeof value === "number" ? value : undefined;
}

function numbersIn(value: unknown): Readonly<Record<string, number>> {
	if (typeof value !== "object" || value === null) return {};
	return Object.fromEntries(Object.entries(value).filter(([, number]) => typeof number === "number"));
}

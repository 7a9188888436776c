import { InvalidArgumentError } from "commander";
import type { Grace } from "../../cluster/agents/grace.ts";
import { parseDuration } from "../parse-duration.ts";

export const defaultGrace: Grace = { defaultMs: 600_000, ofNetworkMs: new Map() };

/** `10m`, or `NETWORK=1h` for one network. */
export function addGrace(text: string, before: Grace): Grace {
	const [, network, duration = ""] = /^(?:([^=]+)=)?(.+)$/.exec(text) ?? [];
	const ms = durationOf(duration);
	return network === undefined
		? { ...before, defaultMs: ms }
		: { ...before, ofNetworkMs: new Map([...before.ofNetworkMs, [network, ms]]) };
}

export function durationOf(text: string): number {
	const ms = parseDuration(text);
	if (ms !== undefined) return ms;
	throw new InvalidArgumentError("It is a duration such as 90s, 10m or 1h30m.");
}

import { InvalidArgumentError, Option } from "commander";
import type { Grace } from "../../cluster/agents/grace.ts";
import { parseDuration } from "../parse-duration.ts";

const defaultGrace: Grace = { defaultMs: 600_000, ofNetworkMs: new Map() };

/** `--grace`: `10m`, or `NETWORK=1h` for one network; may be repeated. */
export function graceOption(what: string): Option {
	return new Option("--grace <duration>", `${what}; NETWORK=DURATION for one network; may be repeated`)
		.argParser(addGrace)
		.default(defaultGrace, "10m");
}

function addGrace(text: string, before: Grace): Grace {
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

export function intervalOf(text: string): number {
	const ms = durationOf(text);
	if (ms >= 1000 && ms <= 600_000) return ms;
	throw new InvalidArgumentError("It lasts from 1s to 10m.");
}

/** As a share: `50` is 0.5. */
export function percentOf(text: string): number {
	const percent = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
	if (percent >= 0 && percent <= 100) return percent / 100;
	throw new InvalidArgumentError("It is a number of percent, from 0 to 100.");
}

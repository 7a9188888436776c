import { CniError, ErrorCode } from "./error.ts";

/**
 * Parses CNI_ARGS (`K=V;K2=V2`) for a plugin that knows the keys `known`. Keys are case-sensitive, of a repeated key
 * the last value counts, and `IgnoreUnknown=1` anywhere allows keys that the plugin does not know.
 *
 * @throws CniError code 4
 */
export function parseArgs(text: string, known: readonly string[]): ReadonlyMap<string, string> {
	const values = new Map<string, string>();
	const unknown: string[] = [];
	let ignoreUnknown = false;
	for (const pair of text === "" ? [] : text.split(";")) {
		const [key = "", value, ...more] = pair.split("=");
		if (value === undefined || more.length > 0) {
			throw argsError(`invalid pair "${pair}"`, "CNI_ARGS has the form KEY=VALUE;KEY=VALUE, without a trailing ;");
		}
		if (key === "IgnoreUnknown") ignoreUnknown = parseBoolean(value, pair);
		else if (known.includes(key)) values.set(key, value);
		else unknown.push(`"${pair}"`);
	}
	if (unknown.length > 0 && !ignoreUnknown) {
		throw argsError(
			`unknown args [${unknown.join(" ")}]`,
			`Known here: ${[...known, "IgnoreUnknown"].join(", ")}. Add IgnoreUnknown=1 to pass keys meant for others`,
		);
	}
	return values;
}

function parseBoolean(value: string, pair: string): boolean {
	const folded = value.toLowerCase();
	if (folded === "1" || folded === "true") return true;
	if (folded === "0" || folded === "false") return false;
	throw argsError(
		`error parsing value of pair "${pair}": boolean unmarshal error: invalid input ${value}`,
		"Use 1, true, 0 or false",
	);
}

function argsError(problem: string, details: string): CniError {
	return new CniError(ErrorCode.invalidEnvironment, `ARGS: ${problem}`, { details });
}

import { CniError, ErrorCode } from "./error.ts";
import { goJsonKindOf } from "./go-type-of.ts";
import { memberOf } from "./member-of.ts";

/** One plugin of a list. */
export interface PluginConfig {
	readonly type: string;
	/** A name of its own, mostly absent; empty then. */
	readonly name: string;
	readonly cniVersion: string;
	/** Which capability arguments of the runtime it is given. */
	readonly capabilities: Readonly<Record<string, boolean>>;
	/** The whole configuration, as written. */
	readonly document: Readonly<Record<string, unknown>>;
}

/**
 * A decoded value as the configuration of a plugin. Keys match without regard to case, as everywhere in a plugin's
 * configuration; the last one counts.
 *
 * @throws CniError code 7 with libcni's texts
 */
export function pluginConfigOf(value: unknown): PluginConfig {
	if (typeof value !== "object" || value === null || Array.isArray(value)) {
		if (value === null) throw invalidPluginConfig("missing 'type'");
		throw invalidPluginConfig(`json: cannot unmarshal ${goJsonKindOf(value)} into Go value of type types.PluginConf`);
	}
	const document = value as Record<string, unknown>;
	const type = textOf(document, "type");
	if (type === "") throw invalidPluginConfig("missing 'type'", `Name the plugin's executable: "type": "bridge"`);
	return {
		type,
		name: textOf(document, "name"),
		cniVersion: textOf(document, "cniVersion"),
		capabilities: capabilitiesOf(document),
		document,
	};
}

function textOf(document: Record<string, unknown>, key: string): string {
	const value = memberOf(document, key) ?? "";
	if (typeof value === "string") return value;
	throw wrongType(value, key, "string");
}

function capabilitiesOf(document: Record<string, unknown>): Record<string, boolean> {
	const value = memberOf(document, "capabilities") ?? {};
	if (typeof value !== "object" || Array.isArray(value)) throw wrongType(value, "capabilities", "map[string]bool");
	const entries = Object.entries(value).map(([name, enabled]): [string, boolean] => {
		if (enabled !== null && typeof enabled !== "boolean") throw wrongType(enabled, `capabilities.${name}`, "bool");
		return [name, enabled ?? false];
	});
	return Object.fromEntries(entries);
}

function wrongType(value: unknown, key: string, wanted: string): CniError {
	return invalidPluginConfig(
		`json: cannot unmarshal ${goJsonKindOf(value)} into Go struct field PluginConf.${key} of type ${wanted}`,
	);
}

/** An error in libcni's words. */
export function invalidPluginConfig(problem: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, `error parsing configuration: ${problem}`, { details });
}

import { CniError, ErrorCode } from "../error.ts";
import { goJsonKindOf } from "./json/go-type-of.ts";
import { JsonError, parseJson } from "./json/parse-json.ts";
import { memberOf } from "./member-of.ts";
import type { PluginConfig } from "./network-list.ts";

/** Parses the configuration of one plugin: a `.conf` file. @throws CniError as {@link pluginConfigOf} */
export function parsePluginConfig(text: string): PluginConfig {
	let value: unknown;
	try {
		value = parseJson(text);
	} catch (thrown) {
		if (thrown instanceof JsonError) throw invalid(thrown.message, thrown.place);
		throw thrown;
	}
	return pluginConfigOf(value);
}

/**
 * A decoded value as the configuration of a plugin. Keys match without regard to case, as everywhere in a plugin's
 * configuration; the last one counts.
 *
 * @throws CniError code 7 with libcni's texts
 */
export function pluginConfigOf(value: unknown): PluginConfig {
	if (typeof value !== "object" || value === null || Array.isArray(value)) {
		if (value === null) throw invalid("missing 'type'");
		throw invalid(`json: cannot unmarshal ${goJsonKindOf(value)} into Go value of type types.PluginConf`);
	}
	const document = value as Record<string, unknown>;
	const type = textOf(document, "type");
	if (type === "") throw invalid("missing 'type'", `Name the plugin's executable: "type": "bridge"`);
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
	return invalid(
		`json: cannot unmarshal ${goJsonKindOf(value)} into Go struct field PluginConf.${key} of type ${wanted}`,
	);
}

function invalid(problem: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, `error parsing configuration: ${problem}`, { details });
}

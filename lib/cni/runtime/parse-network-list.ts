import { CniError, ErrorCode, errorText } from "../error.ts";
import { goJsonKindOf, goTypeOf } from "../go-type-of.ts";
import { JsonError, parseJson } from "../json/parse-json.ts";
import { type PluginConfig, pluginConfigOf } from "../plugin-config.ts";
import { compareVersions, latestVersion, parseVersion } from "../version.ts";
import type { NetworkList } from "./network-list.ts";

/**
 * Parses a `.conflist`; the keys of the list itself match exactly. Plugins in the folder beside the file are not
 * looked at, see `load-network.ts`.
 *
 * @throws CniError code 7 with libcni's texts
 */
export function parseNetworkList(source: Uint8Array): NetworkList {
	const document = parseObject(Buffer.from(source).toString());
	const name = nameOf(document);
	const cniVersion = chooseVersion(document);
	const disableCheck = flagOf(document, "disableCheck");
	const disableGc = flagOf(document, "disableGC");
	const loadOnlyInlinedPlugins = flagOf(document, "loadOnlyInlinedPlugins");
	const plugins = pluginsOf(document, loadOnlyInlinedPlugins);
	return { name, cniVersion, disableCheck, disableGc, loadOnlyInlinedPlugins, plugins, source };
}

type Document = Readonly<Record<string, unknown>>;

function parseObject(text: string): Document {
	try {
		const value = parseJson(text);
		if (value === null) return {};
		if (typeof value === "object" && !Array.isArray(value)) return value as Document;
		throw invalid(`json: cannot unmarshal ${goJsonKindOf(value)} into Go value of type map[string]interface {}`);
	} catch (thrown) {
		if (thrown instanceof JsonError) throw invalid(thrown.message, thrown.place);
		throw thrown;
	}
}

function nameOf({ name }: Document): string {
	if (name === undefined) throw invalid("no name");
	if (typeof name !== "string") throw invalid(`invalid name type ${goTypeOf(name)}`);
	return name;
}

/** The newest version of `cniVersions` and `cniVersion` that exists; `cniVersion` as it is when there is no choice. */
function chooseVersion({ cniVersion = "", cniVersions }: Document): string {
	if (typeof cniVersion !== "string") throw invalid(`invalid cniVersion type ${goTypeOf(cniVersion)}`);
	if (cniVersions === undefined) return cniVersion;
	if (!Array.isArray(cniVersions)) throw invalid(`invalid type for cniVersions: ${goTypeOf(cniVersions)}`);

	const candidates = cniVersions.flatMap((version: unknown, index) => {
		if (typeof version !== "string") {
			throw invalid(`invalid type for cniVersions index ${index}: ${goTypeOf(version)}`);
		}
		return isServable(version, `invalid cniVersions entry ${version} at index ${index}`) ? [version] : [];
	});
	if (cniVersion !== "" && isServable(cniVersion, `invalid cniVersion ${cniVersion}`)) candidates.push(cniVersion);
	candidates.sort((a, b) => compareVersions(parseVersion(a), parseVersion(b)));
	return candidates.at(-1) ?? cniVersion;
}

/** Whether this suite knows the version; newer ones are passed over. */
function isServable(version: string, problem: string): boolean {
	try {
		return compareVersions(parseVersion(version), parseVersion(latestVersion)) <= 0;
	} catch (thrown) {
		throw invalid(`${problem}: ${errorText(thrown)}`);
	}
}

/** A boolean, or its name as text in any case. */
function flagOf(document: Document, key: string): boolean {
	const value = document[key];
	if (value === undefined) return false;
	if (typeof value === "boolean") return value;
	if (typeof value !== "string") throw invalid(`invalid type ${goTypeOf(value)} for ${key}`);
	const folded = value.toLowerCase();
	if (folded === "true" || folded === "false") return folded === "true";
	throw invalid(`invalid value ${JSON.stringify(value)} for ${key}`, "Use true or false");
}

function pluginsOf(document: Document, loadOnlyInlinedPlugins: boolean): PluginConfig[] {
	const { plugins } = document;
	if (plugins === undefined) {
		if (loadOnlyInlinedPlugins) throw invalid("`loadOnlyInlinedPlugins` is true, and no 'plugins' key");
		return [];
	}
	if (!Array.isArray(plugins)) throw invalid(`invalid 'plugins' type ${goTypeOf(plugins)}`);
	if (plugins.length === 0) throw invalid("no plugins in list");
	return plugins.map((plugin: unknown, index) => {
		try {
			return pluginConfigOf(plugin);
		} catch (thrown) {
			if (!(thrown instanceof CniError)) throw thrown;
			const { code, message, details } = thrown;
			throw new CniError(code, `failed to parse plugin config ${index}: ${message}`, { details, cause: thrown });
		}
	});
}

function invalid(problem: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, `error parsing configuration list: ${problem}`, { details });
}

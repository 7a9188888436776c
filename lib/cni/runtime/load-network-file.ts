import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf, errnoText } from "../../linux/errno.ts";
import { CniError, ErrorCode } from "../error.ts";
import type { PluginConfig } from "../plugin-config.ts";
import { listConfigFiles } from "./list-config-files.ts";
import type { NetworkList } from "./network-list.ts";
import { parseNetworkList } from "./parse-network-list.ts";
import { parsePluginConfig } from "./parse-plugin-config.ts";
import { sortKeys } from "./sort-keys.ts";

/**
 * Reads a `.conflist` and, unless it says `loadOnlyInlinedPlugins`, the plugins in the folder beside it that bears the
 * network's name; specification 1.1.0, section 1, "Configuration format".
 *
 * @throws CniError with libcni's texts; its details name the file
 */
export function loadNetworkFile(file: string): NetworkList {
	return inFile(file, () => {
		const list = parseNetworkList(read(file));
		const plugins = list.loadOnlyInlinedPlugins ? list.plugins : [...list.plugins, ...pluginsBeside(file, list.name)];
		if (plugins.length === 0) throw new CniError(ErrorCode.invalidNetworkConfig, "no plugin configs found");
		return { ...list, plugins };
	});
}

/** Reads a `.conf` or `.json`. @throws CniError with libcni's texts; its details name the file */
export function loadPluginFile(file: string): PluginConfig {
	return inFile(file, () => parsePluginConfig(Buffer.from(read(file)).toString()));
}

/** A network of this one plugin. @throws CniError */
export function wrapPluginConfig({ name, cniVersion, document }: PluginConfig): NetworkList {
	const list = { cniVersion, name, plugins: [sortKeys(document)] };
	return parseNetworkList(Buffer.from(JSON.stringify(list)));
}

function pluginsBeside(file: string, networkName: string): PluginConfig[] {
	// A name with a slash must not lead out of the directory; ADD refuses such a network later.
	if (networkName.includes("/") || networkName === "." || networkName === "..") return [];
	return listConfigFiles(join(dirname(file), networkName), [".conf"]).map(loadPluginFile);
}

function read(file: string): Uint8Array {
	try {
		return readFileSync(file);
	} catch (thrown) {
		const problem = `error reading ${file}: open ${file}: ${errnoText(errnoOf(thrown))}`;
		throw new CniError(ErrorCode.ioFailure, problem, { cause: thrown });
	}
}

/** Adds the name of the file, which libcni does not tell; one in the folder is named already. */
function inFile<T>(file: string, load: () => T): T {
	try {
		return load();
	} catch (thrown) {
		if (!(thrown instanceof CniError)) throw thrown;
		if (thrown.details.startsWith("in the file ") || thrown.message.includes(file)) throw thrown;
		const details = `in the file "${file}"${thrown.details === "" ? "" : `: ${thrown.details}`}`;
		throw new CniError(thrown.code, thrown.message, { details, cause: thrown });
	}
}

import { CniError, ErrorCode } from "../error.ts";
import { listConfigFiles } from "./list-config-files.ts";
import { loadNetworkFile, loadPluginFile, wrapPluginConfig } from "./load-network-file.ts";
import type { NetworkList } from "./network-list.ts";

/**
 * Finds a network by name in a directory of configurations: the first `.conflist` of that name, else the first `.conf`
 * or `.json`. As with libcni, a broken file that sorts before the one looked for fails the lookup, since nobody can
 * say whether it was meant; the error names the file.
 *
 * @throws CniError with libcni's texts
 */
export function loadNetwork(directory: string, name: string): NetworkList {
	const lists = listConfigFiles(directory, [".conflist"]);
	for (const file of lists) {
		const list = loadNetworkFile(file);
		if (list.name === name) return list;
	}
	const singles = listConfigFiles(directory, [".conf", ".json"]);
	for (const file of singles) {
		const plugin = loadPluginFile(file);
		if (plugin.name === name) return wrapPluginConfig(plugin);
	}
	if (lists.length + singles.length === 0) {
		throw new CniError(ErrorCode.invalidNetworkConfig, `no net configurations found in ${directory}`);
	}
	throw new CniError(
		ErrorCode.invalidNetworkConfig,
		`no net configuration with name ${JSON.stringify(name)} in ${directory}`,
		{ details: `"cnictl networks --dir ${directory}" lists the networks there` },
	);
}

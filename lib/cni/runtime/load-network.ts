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
		const list = inFile(file, () => loadNetworkFile(file));
		if (list.name === name) return list;
	}
	const singles = listConfigFiles(directory, [".conf", ".json"]);
	for (const file of singles) {
		const plugin = inFile(file, () => loadPluginFile(file));
		if (plugin.name === name) return inFile(file, () => wrapPluginConfig(plugin));
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

function inFile<T>(file: string, load: () => T): T {
	try {
		return load();
	} catch (thrown) {
		if (!(thrown instanceof CniError) || thrown.message.includes(file)) throw thrown;
		const details = `in the file "${file}"${thrown.details === "" ? "" : `: ${thrown.details}`}`;
		throw new CniError(thrown.code, thrown.message, { details, cause: thrown });
	}
}

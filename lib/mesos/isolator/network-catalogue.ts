import { CniError, ErrorCode, messageOf } from "../../cni/error.ts";
import { type ConfigPlace, loadNetworkConfigs, type NetworkConfig, readNetworkConfig } from "./network-config.ts";

/**
 * The networks of an agent. Only where the file of a network lies is remembered: the file itself is read whenever it is
 * needed, and the directory again when a name is unknown or its file no longer says so. Files can be added, changed and
 * removed at any time.
 */
export interface NetworkCatalogue {
	/** @throws CniError `Unknown CNI network 'X'` */
	find(name: string): NetworkConfig;
}

/** Without a place there is no network: the agent then has tasks on the host's network only. */
export function createNetworkCatalogue(place: ConfigPlace | undefined): NetworkCatalogue {
	let paths: ReadonlyMap<string, string> = new Map();
	const scan = () => {
		paths = new Map(place === undefined ? [] : [...loadNetworkConfigs(place)].map(([name, { path }]) => [name, path]));
	};
	const read = (name: string): NetworkConfig | undefined => {
		const path = paths.get(name);
		return path === undefined ? undefined : readNamed(name, path);
	};
	scan();
	return {
		find(name) {
			try {
				const config = read(name);
				if (config !== undefined) return config;
			} catch (thrown) {
				place?.log(messageOf(thrown));
			}
			scan();
			const config = read(name);
			if (config !== undefined) return config;
			throw new CniError(ErrorCode.invalidNetworkConfig, `Unknown CNI network '${name}'`, {
				details:
					place === undefined
						? "No directory of configurations was given"
						: `No usable file in ${place.configDirectory} has this name; of one that cannot be used it was said why`,
			});
		},
	};
}

function readNamed(name: string, path: string): NetworkConfig {
	const config = readNetworkConfig(path);
	if (config.name === name) return config;
	throw new CniError(
		ErrorCode.invalidNetworkConfig,
		`The current CNI configuration network('${config.name}') does not match the network name: '${name}'`,
	);
}

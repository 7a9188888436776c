import type { NetworkCatalogue } from "./network-catalogue.ts";
import type { DefaultDns } from "./resolver.ts";

/** What every step of the isolator needs to know of the agent. */
export interface Surroundings {
	/** An absolute path without symbolic links: plugins see it in CNI_NETNS. */
	readonly stateRoot: string;
	readonly catalogue: NetworkCatalogue;
	/** `--network_cni_plugins_dir`, to the letter: CNI_PATH. */
	readonly pluginPath: string;
	/** PATH of plugins. */
	readonly path: string;
	readonly defaultDns: readonly DefaultDns[];
	/** Told of what was passed over, a line each. */
	readonly log: (line: string) => void;
}

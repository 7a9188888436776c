import type { CniEnvironment } from "./environment.ts";
import type { Ipam } from "./ipam.ts";
import type { Log } from "./log.ts";
import type { Document } from "./network-config.ts";
import type { Plugin, Verb } from "./plugin.ts";

/** One call of one plugin, in this process: from the executable itself, or from a plugin that delegates to it. */
export interface Call {
	readonly verb: Verb;
	readonly environment: CniEnvironment;
	/** The configuration, byte for byte as it came: a delegate gets the same. */
	readonly stdin: Uint8Array;
	readonly document: Document;
	/** Its `name`, validated. */
	readonly network: string;
	readonly plugins: PluginRegistry;
	/** The IPAM plugin of the given type, told the same as the plugin of `call`. */
	readonly delegate: (type: string, call: Call) => Ipam;
	readonly log: Log;
}

/** The plugins of this executable, each loaded when it is called for. */
export interface PluginRegistry {
	readonly types: readonly string[];
	/** @returns undefined for a type that is not ours */
	load(type: string): Promise<Plugin> | undefined;
}

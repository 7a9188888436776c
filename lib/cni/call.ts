import type { Delegate } from "./delegate.ts";
import type { CniEnvironment } from "./environment.ts";
import type { Log } from "./log.ts";
import type { Document } from "./network-config.ts";
import type { Plugin } from "./plugin.ts";
import type { Result } from "./result.ts";
import type { Shared } from "./shared.ts";
import type { Verb } from "./verb.ts";

/** One call of one plugin, in this process: from the executable itself, or from a plugin that delegates to it. */
export interface Call {
	readonly verb: Verb;
	readonly environment: CniEnvironment;
	/** The configuration, byte for byte as it came, for a delegate that is told the same. */
	readonly stdin: () => Uint8Array | string;
	readonly document: Document;
	/** From a caller in this process, in the place of what the document would say. */
	readonly prevResult?: Result | undefined;
	/** Its `name`, validated. */
	readonly network: string;
	readonly plugins: PluginRegistry;
	/** Another plugin of the given type, for the plugin that serves `call`. */
	readonly delegate: (type: string, call: Call) => Delegate;
	/** Device and inode of the file that this process runs from. */
	readonly executable: () => string;
	/** Of the whole process: a delegate gets that of its caller. */
	readonly shared: Shared;
	readonly log: Log;
}

/** The plugins of this executable, each loaded when it is called for. */
export interface PluginRegistry {
	readonly types: readonly string[];
	/** @returns undefined for a type that is not ours */
	load(type: string): Promise<Plugin> | undefined;
}

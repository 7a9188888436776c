import type { Attachment } from "../plugin.ts";

/** What the runtime side needs of its surroundings. */
export interface Runtime {
	/** Directories that hold the plugins, searched in this order. */
	readonly paths: readonly string[];
	/** Passed on to plugins, with the CNI_ variables replaced. */
	readonly environment: Readonly<Record<string, string | undefined>>;
	/** The directory above `results`; see `result-cache.ts`. */
	readonly cacheDirectory: string;
}

/** Where libcni and everything built upon it keep results. */
export const defaultCacheDirectory = "/var/lib/cni";

/** One attachment with all that the runtime says about it. */
export interface RuntimeAttachment extends Attachment {
	/** The path of the namespace. */
	readonly netns: string;
	/** CNI_ARGS as pairs, in order. */
	readonly args: readonly CniArg[];
	/** Data for `runtimeConfig`, by capability. */
	readonly capabilityArgs: Readonly<Record<string, unknown>>;
}

export type CniArg = readonly [key: string, value: string];

import type { PluginConfig } from "../plugin-config.ts";

/** A network as its configuration describes it: the plugins that an attachment passes through, in order. */
export interface NetworkList {
	readonly name: string;
	/** What every plugin is told: chosen from `cniVersion` and `cniVersions`. Empty when unset, and not always known. */
	readonly cniVersion: string;
	readonly disableCheck: boolean;
	readonly disableGc: boolean;
	readonly loadOnlyInlinedPlugins: boolean;
	readonly plugins: readonly PluginConfig[];
	/** The configuration as it stands in its file; the result cache keeps it. */
	readonly source: Uint8Array;
}

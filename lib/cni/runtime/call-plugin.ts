import { executePlugin } from "../execute.ts";
import { findPlugin } from "../find-plugin.ts";
import type { PluginConfig } from "../plugin-config.ts";
import { pluginRequest } from "../plugin-request.ts";
import type { Verb } from "../verb.ts";
import type { NetworkList } from "./network-list.ts";
import type { Runtime, RuntimeAttachment } from "./runtime.ts";
import { sortKeys } from "./sort-keys.ts";

/** What one plugin is asked. */
export interface Call {
	readonly verb: Verb;
	readonly network: NetworkList;
	readonly plugin: PluginConfig;
	/** Absent for GC and STATUS. */
	readonly attachment?: RuntimeAttachment;
	readonly prevResult?: unknown;
	/** Further keys of the request: `cni.dev/…`. */
	readonly extra?: Readonly<Record<string, unknown>>;
}

/** Executes a plugin and returns its stdout. @throws CniError the plugin's own, or one saying why it could not run */
export function callPlugin(runtime: Runtime, call: Call): string {
	const path = findPlugin(call.plugin.type, runtime.paths);
	return executePlugin({ path, environment: environmentOf(runtime, call), stdin: requestOf(call) });
}

/** The configuration as the plugin gets it on stdin. */
function requestOf({ network, plugin, attachment, prevResult, extra }: Call): string {
	const { name, cniVersion } = network;
	const capabilityArgs = attachment?.capabilityArgs ?? {};
	return JSON.stringify(sortKeys(pluginRequest(plugin, { name, cniVersion, prevResult, capabilityArgs, extra })));
}

/** Variables that do not apply are set and empty, so that no value of our own caller reaches a plugin. */
function environmentOf(
	{ paths, environment }: Runtime,
	{ verb, attachment }: Call,
): Record<string, string | undefined> {
	return {
		...environment,
		CNI_COMMAND: verb,
		CNI_CONTAINERID: attachment?.containerId ?? "",
		CNI_NETNS: attachment?.netns ?? "",
		CNI_ARGS: attachment?.args.map(([key, value]) => `${key}=${value}`).join(";") ?? "",
		CNI_IFNAME: attachment?.ifName ?? "",
		CNI_PATH: paths.join(":"),
	};
}

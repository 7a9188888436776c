import type { Attachment } from "./plugin.ts";
import type { PluginConfig } from "./plugin-config.ts";

/** What the plugins of a list are told beside their own configurations. */
export interface ListRequest {
	/** Of the network. */
	readonly name: string;
	readonly cniVersion: string;
	/** What the plugin before has answered, or on CHECK and DEL the last one. */
	readonly prevResult?: unknown;
	/** By capability; each plugin gets those that it has asked for. */
	readonly capabilityArgs: Readonly<Record<string, unknown>>;
	/** Further keys: `cni.dev/…`. */
	readonly extra?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * What one plugin of a list is given on stdin: specification, section "Deriving execution configuration". A `prevResult`
 * or `runtimeConfig` in its own configuration stays where nothing takes its place, as in libcni.
 */
export function pluginRequest(
	{ document, capabilities }: PluginConfig,
	{ name, cniVersion, prevResult, capabilityArgs, extra }: ListRequest,
): Record<string, unknown> {
	const granted = Object.entries(capabilityArgs).filter(([capability]) => capabilities[capability] === true);
	return {
		...document,
		name,
		cniVersion,
		...(prevResult === undefined ? {} : { prevResult }),
		...(granted.length === 0 ? {} : { runtimeConfig: Object.fromEntries(granted) }),
		...extra,
	};
}

/**
 * The key of the specification, and the one that libcni once used by mistake. An empty list is `[]`, which the
 * specification's type allows, where libcni writes `null`.
 */
export function attachmentKeys(validAttachments: readonly Attachment[]): Record<string, unknown> {
	const list = validAttachments.map(({ containerId, ifName }) => ({ containerID: containerId, ifname: ifName }));
	return { "cni.dev/valid-attachments": list, "cni.dev/attachments": list };
}

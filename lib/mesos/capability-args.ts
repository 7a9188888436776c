import { memberOf } from "../cni/member-of.ts";
import { formatAddress } from "../ip/address.ts";
import type { NetworkInfo } from "./network-info.ts";

/**
 * What there is for plugins that declare capabilities: what the runtime says in `runtimeConfig`, and what it does not
 * say there but Mesos in `args`.
 *
 * @param document the configuration of the plugin that calls them
 */
export function capabilityArgsOf(
	{ portMappings, addresses }: NetworkInfo,
	document: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
	return {
		...(portMappings.length === 0 ? {} : { portMappings }),
		...(addresses.requested.length === 0 ? {} : { ips: addresses.requested.map(formatAddress) }),
		...(memberOf(document, "runtimeConfig") as object | undefined),
	};
}

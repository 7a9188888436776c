import { memberOf } from "../../../lib/cni/member-of.ts";
import type { NetworkRequest } from "../../../lib/cni/plugin.ts";
import { formatAddress } from "../../../lib/ip/address.ts";
import { mesosKey, networkInfoOf } from "../../../lib/mesos/network-info.ts";
import type { ChainConfig } from "./config.ts";

/**
 * What there is for members that declare capabilities: what the runtime says in `runtimeConfig`, and what it does not
 * say there but Mesos in `args`.
 *
 * @throws CniError code 7 that names what of Mesos's data cannot be used
 */
export function capabilityArgsOf({ config, document }: NetworkRequest<ChainConfig>): Readonly<Record<string, unknown>> {
	const { portMappings, addresses } = networkInfoOf(config.args?.[mesosKey]);
	return {
		...(portMappings.length === 0 ? {} : { portMappings }),
		...(addresses.requested.length === 0 ? {} : { ips: addresses.requested.map(formatAddress) }),
		...(memberOf(document, "runtimeConfig") as object | undefined),
	};
}

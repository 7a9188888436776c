import { given } from "../../cni/given.ts";
import type { ContainerId } from "../container-id.ts";
import type { IpAddressMessage, NetworkInfoMessage } from "../network-info-message.ts";
import type { Container } from "./container.ts";
import { addressOf } from "./etc-files.ts";
import type { PluginResult } from "./plugin-result.ts";

/** What the agent puts into the status of a task, in the form of its JSON. */
export interface ContainerStatus {
	readonly container_id: ContainerId;
	readonly network_infos?: readonly NetworkInfoMessage[];
	readonly executor_pid?: number;
}

/**
 * The networks that a container has joined: what the framework asked for, with the addresses that it got. As with the
 * agent an IPv4 address stands alone, and one of IPv6 with its prefix length.
 */
export function networkInfosOf({ networks }: Container): readonly NetworkInfoMessage[] {
	return networks.flatMap(({ info: { ip_addresses: _asked, ...asked }, result }) => {
		if (result === undefined) return [];
		const addresses = addressesOf(result);
		return [{ ...asked, ...given("ip_addresses", addresses.length === 0 ? undefined : addresses) }];
	});
}

function addressesOf({ ip4, ip6 }: PluginResult): IpAddressMessage[] {
	return [
		...(ip4 === undefined ? [] : [{ protocol: "IPv4", ip_address: addressOf(ip4.ip) } as const]),
		...(ip6 === undefined ? [] : [{ protocol: "IPv6", ip_address: ip6.ip } as const]),
	];
}

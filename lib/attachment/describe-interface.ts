import type { Result } from "../cni/result.ts";
import { announcementSysctls } from "./announce.ts";
import { type InterfaceDescription, ipv6Sysctls, resolveRoutes, type SysctlDescription } from "./interface.ts";

/** What a plugin decides of the container's interface, beside the addresses and routes of a result. */
export interface OwnInterface {
	/** CNI_IFNAME. */
	readonly name: string;
	readonly kind: string;
	readonly mac?: string | undefined;
	readonly mtu?: number | undefined;
	/** By default true. */
	readonly up?: boolean;
	/** Whether IPv6 addresses wait for duplicate address detection; by default not. */
	readonly detectDuplicates?: boolean;
	/** Whether there are neighbours to be told of the addresses; by default there are. */
	readonly announced?: boolean;
}

/** The interface with what the result gives it. */
export function describeInterface(own: OwnInterface, result: Result): InterfaceDescription {
	const { name, kind, mac, mtu, up = true, detectDuplicates = false, announced = true } = own;
	const addresses = result.ips.map(({ address }) => address);
	return {
		name,
		kind,
		mac,
		mtu,
		up,
		addresses,
		routes: resolveRoutes(result.routes, result.ips),
		detectDuplicates,
		sysctls:
			addresses.length === 0
				? []
				: [
						...duplicateDetection(name, detectDuplicates),
						...(announced ? announcementSysctls(name) : []),
						...ipv6Sysctls(name, addresses),
					],
	};
}

/** Also for the link-local address, which no IPAM guarantees to be unique but whose MAC does. */
function duplicateDetection(ifName: string, enabled: boolean): readonly SysctlDescription[] {
	const parameter = (name: string, value: string) => ({
		path: `net/ipv6/conf/${ifName}/${name}`,
		value,
		essential: false,
	});
	return enabled ? [parameter("enhanced_dad", "1"), parameter("accept_dad", "1")] : [parameter("accept_dad", "0")];
}

import type { Result } from "../../cni/result.ts";
import { announcementSysctls } from "../announce.ts";
import { type InterfaceDescription, ipv6Sysctls, resolveRoutes } from "../interface.ts";
import type { OnMasterSettings } from "./link-on-master.ts";

/** What the container's interface shall be with the addresses and routes of `result`. ADD applies it, CHECK verifies it. */
export function describeInterface(
	{ kind, mac, mtu }: OnMasterSettings,
	{ ifName, result }: { ifName: string; result: Result },
): InterfaceDescription {
	const addresses = result.ips.map(({ address }) => address);
	return {
		name: ifName,
		kind,
		mac,
		mtu: mtu > 0 ? mtu : undefined,
		up: true,
		addresses,
		routes: resolveRoutes(result.routes, result.ips),
		// The kernel announces the addresses as the link comes up: a master's is there to carry it.
		sysctls: addresses.length === 0 ? [] : [...announcementSysctls(ifName), ...ipv6Sysctls(ifName, addresses)],
		detectDuplicates: false,
	};
}

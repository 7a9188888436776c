import type { IpAddress } from "../ip/address.ts";
import { isFirewalldRunning } from "./firewalld/firewalld.ts";
import { isForwardFiltered } from "./iptables/filter-in-use.ts";

export type ForwardBackendName = "nftables" | "iptables" | "firewalld";

/**
 * The backend for a configuration that names none: who decides here what is forwarded. firewalld, where it runs; else
 * iptables, where it filters forwarded traffic of one of the families, because what anybody else accepts it would still
 * drop; else nftables, which needs no program. No process is started to find out.
 */
export function chooseForwardBackend(addresses: readonly IpAddress[]): ForwardBackendName {
	if (isFirewalldRunning()) return "firewalld";
	const families = addresses.length === 0 ? ([4, 6] as const) : new Set(addresses.map(({ family }) => family));
	for (const family of families) if (isForwardFiltered(family)) return "iptables";
	return "nftables";
}

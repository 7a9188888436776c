import type { Family, IpAddress } from "../../ip/address.ts";
import { findChain } from "../../netlink/nftables/chain.ts";
import { listRules } from "../../netlink/nftables/rule.ts";
import { withNftables } from "../nftables-session.ts";
import { forwardChain, isolationStage1 } from "./forward-chains.ts";
import { isLegacyInUse } from "./in-use.ts";

/*
 * Table filter as far as the kernel tells, without the programs of iptables: hosts that do not use it shall not even
 * load what starts them.
 */

/**
 * Whether iptables, of either kind, decides what is forwarded: its chain FORWARD drops what no rule accepts, or has
 * rules. Asks the kernel and starts no process. Of iptables-legacy only the existence of the table is seen, and counts.
 */
export function isForwardFiltered(family: Family): boolean {
	return isNftForwardFiltered(family) || isLegacyInUse(family, "filter");
}

/** The same of iptables-nft alone. */
export function isNftForwardFiltered(family: Family): boolean {
	const chain = { ...tables[family], chain: "FORWARD" };
	return withNftables(
		(socket) => {
			const found = findChain(socket, chain);
			if (found?.hook === undefined) return false;
			return found.hook.policy === "drop" || listRules(socket, chain).length > 0;
		},
		() => false,
	);
}

/** Whether anything of ours, or of the reference, can be in table filter; asks the kernel, to save processes. */
export function hasIptablesForward(): boolean {
	return ([4, 6] as const).some(
		(family) =>
			isLegacyInUse(family, "filter") ||
			hasNftChain(family, forwardChain) ||
			// Where firewalld accepts, isolation stands alone.
			hasNftChain(family, isolationStage1),
	);
}

/** Whether bridges are isolated by iptables for one of the addresses' families: then the others have to be, too. */
export function isIsolatedByIptables(addresses: readonly IpAddress[]): boolean {
	return Array.from(new Set(addresses.map(({ family }) => family))).some((family) =>
		hasNftChain(family, isolationStage1),
	);
}

function hasNftChain(family: Family, chain: string): boolean {
	return withNftables(
		(socket) => findChain(socket, { ...tables[family], chain }) !== undefined,
		() => false,
	);
}

const tables = { 4: { family: "ip", table: "filter" }, 6: { family: "ip6", table: "filter" } } as const;

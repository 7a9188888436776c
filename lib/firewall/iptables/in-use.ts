import type { Family } from "../../ip/address.ts";
import { readText } from "../../linux/files.ts";
import { haveTables } from "../../netlink/nftables/table.ts";
import { type Nftables, withNftables } from "../nftables-session.ts";
import type { IptablesTable } from "./program.ts";

/**
 * Whether the namespace has a nat table of iptables at all, of either kind and family. Asks the kernel, and starts no
 * process, so that hosts without iptables rules do not pay for their removal.
 */
export function isIptablesInUse(nftables: Nftables = withNftables): boolean {
	return (
		nftables(
			(socket) => haveTables(socket, natTables).includes(true),
			() => false,
		) ||
		isLegacyInUse(4) ||
		isLegacyInUse(6)
	);
}

const natTables = [
	{ family: "ip", table: "nat" },
	{ family: "ip6", table: "nat" },
] as const;

/** Whether iptables-legacy has the table in the namespace; it gets one when somebody first looks into it. */
export function isLegacyInUse(family: Family, table: IptablesTable = "nat"): boolean {
	try {
		const names = readText(`/proc/thread-self/net/${family === 4 ? "ip" : "ip6"}_tables_names`);
		return names.split("\n").includes(table);
	} catch {
		// The kernel module is not loaded.
		return false;
	}
}

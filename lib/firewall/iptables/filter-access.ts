import { CniError } from "../../cni/error.ts";
import type { Family, IpAddress } from "../../ip/address.ts";
import { retryDisturbed } from "../../netlink/nftables/batch.ts";
import { findChain } from "../../netlink/nftables/chain.ts";
import { listRules } from "../../netlink/nftables/rule.ts";
import { withNftables } from "../nftables-session.ts";
import { type FilterRule, type FilterTable, readNftFilter, readSavedFilter } from "./filter-table.ts";
import { forwardChain, isolationChain } from "./forward-rules.ts";
import { isLegacyInUse } from "./in-use.ts";
import { defaultKind, hasProgram, type Kind, restoreTable } from "./program.ts";

/** One table filter of the host. */
export interface Filter {
	readonly family: Family;
	/** Undefined: whatever `iptables` is, on a distribution that has one implementation and does not say which. */
	readonly kind: Kind | undefined;
}

/**
 * Whether iptables, of either kind, decides what is forwarded: its chain FORWARD drops what no rule accepts, or has
 * rules. Asks the kernel and starts no process. Of iptables-legacy only the existence of the table is seen, and counts.
 */
export function isForwardFiltered(family: Family): boolean {
	return isNftFiltering(family) || isLegacyInUse(family, "filter");
}

/** Whether anything of ours, or of the reference, can be in table filter; asks the kernel, to save processes. */
export function hasIptablesForward(): boolean {
	return ([4, 6] as const).some(
		(family) =>
			isLegacyInUse(family, "filter") ||
			hasNftChain(family, forwardChain) ||
			// Where firewalld accepts, isolation stands alone.
			hasNftChain(family, isolationChain),
	);
}

/** Whether bridges are isolated by iptables for one of the addresses' families: then the others have to be, too. */
export function isIsolatedByIptables(addresses: readonly IpAddress[]): boolean {
	return Array.from(new Set(addresses.map(({ family }) => family))).some((family) =>
		hasNftChain(family, isolationChain),
	);
}

/**
 * Where rules have to be for traffic to pass: in the implementation that the administrator chose, and in the other one
 * if that filters too, since what is accepted in one can still be dropped in the other.
 */
export function filtersOf(family: Family): readonly Filter[] {
	const chosen = defaultKind(family);
	const other: Kind = chosen === "legacy" ? "nft" : "legacy";
	const filters = other === "nft" ? isNftFiltering(family) : isLegacyInUse(family, "filter");
	return filters && hasProgram({ table: "filter", family, kind: other })
		? [
				{ family, kind: chosen },
				{ family, kind: other },
			]
		: [{ family, kind: chosen }];
}

/** Runs `look` over the table as it is; of a table that does not exist, as over an empty one. @throws CniError */
export function lookIntoFilter<T>({ family, kind }: Filter, look: (table: FilterTable) => T): T {
	if (kind === "nft") return withNftables((socket) => look(readNftFilter(socket, family)));
	// Looking with iptables-legacy would make the table.
	if (kind === "legacy" && !isLegacyInUse(family, "filter")) return look(emptyTable);
	return look(readSavedFilter(family, kind));
}

/**
 * Adds to the table in one iptables-restore, and again when somebody has changed it since it was looked at.
 *
 * @param missing the lines for iptables-restore, made of validated parts; none when nothing is missing
 * @throws CniError
 */
export function addToFilter(filter: Filter, missing: (table: FilterTable) => readonly string[]): void {
	let refused: { lines: string; error: CniError } | undefined;
	for (;;) {
		const lines = lookIntoFilter(filter, missing);
		if (lines.length === 0) return;
		// Refused once more for the same reason: it was not somebody else's change.
		if (refused !== undefined && refused.lines === lines.join("\n")) throw refused.error;
		try {
			restoreTable(lines, { table: "filter", ...filter });
			return;
		} catch (thrown) {
			if (!(thrown instanceof CniError)) throw thrown;
			refused = { lines: lines.join("\n"), error: thrown };
		}
	}
}

/** Deletes the rules that `select` finds, in the tables of both implementations; nothing there is success. @throws CniError */
export function deleteFromFilters(family: Family, select: (table: FilterTable) => readonly FilterRule[]): void {
	withNftables(
		(socket) =>
			retryDisturbed(() => {
				const table = readNftFilter(socket, family);
				table.delete(select(table));
			}),
		() => {},
	);
	if (!isLegacyInUse(family, "filter")) return;
	const table = readSavedFilter(family, "legacy");
	table.delete(select(table));
}

function hasNftChain(family: Family, chain: string): boolean {
	return withNftables(
		(socket) => findChain(socket, { ...tables[family], chain }) !== undefined,
		() => false,
	);
}

const tables = { 4: { family: "ip", table: "filter" }, 6: { family: "ip6", table: "filter" } } as const;

function isNftFiltering(family: Family): boolean {
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

const emptyTable: FilterTable = { hasChain: () => false, rules: () => [], delete() {} };

import type { Family } from "../../ip/address.ts";
import { retryDisturbed } from "../../netlink/nftables/batch.ts";
import { withNftables } from "../nftables-session.ts";
import { isNftForwardFiltered } from "./filter-in-use.ts";
import { type FilterRule, type FilterTable, readNftFilter, readSavedFilter } from "./filter-table.ts";
import { isLegacyInUse } from "./in-use.ts";
import { defaultKind, hasProgram, type Kind, restoreTable } from "./program.ts";

/** One table filter of the host. */
export interface Filter {
	readonly family: Family;
	/** Undefined: whatever `iptables` is, on a distribution that has one implementation and does not say which. */
	readonly kind: Kind | undefined;
}

/**
 * Where rules have to be for traffic to pass: in the implementation that the administrator chose, and in the other one
 * if that filters too, since what is accepted in one can still be dropped in the other.
 */
export function filtersOf(family: Family): readonly Filter[] {
	const chosen = defaultKind(family);
	const other: Kind = chosen === "legacy" ? "nft" : "legacy";
	const filters = other === "nft" ? isNftForwardFiltered(family) : isLegacyInUse(family, "filter");
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
	let lines = lookIntoFilter(filter, missing);
	for (let tries = 1; lines.length > 0; tries++) {
		try {
			restoreTable(lines, { table: "filter", ...filter });
			return;
		} catch (thrown) {
			const before = lines.join("\n");
			lines = lookIntoFilter(filter, missing);
			// It was refused for another reason than somebody else's change.
			if (tries === maximumTries || lines.join("\n") === before) throw thrown;
		}
	}
}

const maximumTries = 5;

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

const emptyTable: FilterTable = { hasChain: () => false, rules: () => [], delete() {} };

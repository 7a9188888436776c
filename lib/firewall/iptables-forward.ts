import { CniError, ErrorCode } from "../cni/error.ts";
import type { Family } from "../ip/address.ts";
import { lockChains } from "../state/firewall-records.ts";
import type { Forward, ForwardBackend, ForwardRemoval, SharedInterface } from "./forward-backend.ts";
import { addToFilter, deleteFromFilters, type Filter, filtersOf, lookIntoFilter } from "./iptables/filter-access.ts";
import type { FilterRule, FilterTable } from "./iptables/filter-table.ts";
import {
	type Missing,
	rulesOfAddress,
	rulesOfBridge,
	rulesOfOutlet,
	sharedInterfaces,
	type Wanted,
	wantedOf,
	wordsFor,
} from "./iptables/forward-rules.ts";

/**
 * Accepting through iptables, in the reference's form and wording, which `iptables/forward-rules.ts` draws.
 *
 * All containers share the chains, and what has to be added depends on what is there: our own processes take turns
 * (`lockChains`; a process killed under it leaves what one iptables-restore did, or nothing). Against others, a chain
 * is made by `-N`, which fails where a line `:CHAIN` would empty it, and the look is taken again.
 */
export const iptablesForward: ForwardBackend = { apply, verify, remove, removeShared, list: () => [] };

const families: readonly Family[] = [4, 6];

function apply(forward: Forward): void {
	assertPlain(forward);
	using _ = lockChains();
	for (const family of families) {
		const wanted = wantedOf(forward, family);
		if (wanted.length === 0) continue;
		for (const filter of filtersOf(family)) {
			addToFilter(filter, (table) => missingIn(table, wanted).map(({ line }) => line));
		}
	}
}

function verify(forward: Forward): readonly string[] {
	assertPlain(forward);
	return families.flatMap((family) => {
		const wanted = wantedOf(forward, family);
		if (wanted.length === 0) return [];
		return filtersOf(family).flatMap((filter) =>
			lookIntoFilter(filter, (table) =>
				wordsFor(missingIn(table, wanted)).map((words) => `${words} of ${nameOf(filter)}`),
			),
		);
	});
}

function remove({ addresses, outlet, bridge }: ForwardRemoval): void {
	using _ = lockChains();
	for (const family of families) {
		deleteFromFilters(family, (table) => [
			...addresses.filter((address) => address.family === family).flatMap((address) => rulesOfAddress(table, address)),
			...ifAbandoned(outlet, (name) => rulesOfOutlet(table, name)),
			...ifAbandoned(bridge, (name) => rulesOfBridge(table, name)),
		]);
	}
}

/** Asks only where there is anything: it takes reading all records. */
function ifAbandoned(
	shared: SharedInterface | undefined,
	find: (name: string) => readonly FilterRule[],
): readonly FilterRule[] {
	const rules = shared === undefined ? [] : find(shared.name);
	return rules.length > 0 && shared?.isAbandoned() ? rules : [];
}

function removeShared(isGone: (interfaceName: string) => boolean): void {
	using _ = lockChains();
	for (const family of families) {
		deleteFromFilters(family, (table) =>
			sharedInterfaces(table)
				.filter(isGone)
				.flatMap((name) => [...rulesOfOutlet(table, name), ...rulesOfBridge(table, name)]),
		);
	}
}

function missingIn(table: FilterTable, wanted: readonly Wanted[]): readonly Missing[] {
	return wanted.flatMap(({ missing }) => missing(table));
}

/** As an operator knows it: `ip6tables-legacy -t filter`. */
function nameOf({ family, kind }: Filter): string {
	return `${family === 4 ? "iptables" : "ip6tables"}${kind === "legacy" ? "-legacy" : ""} table "filter"`;
}

/** Names from outside were validated before; what goes into a script is looked at once more. */
function assertPlain({ adminChain, outlet, ingress }: Forward): void {
	for (const text of [adminChain, outlet, ingress?.bridge]) {
		if (text !== undefined && !/^[A-Za-z0-9_.][A-Za-z0-9_.-]*$/.test(text)) {
			throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot put ${JSON.stringify(text)} into an iptables rule`, {
				details: "Names of chains and interfaces consist of letters, digits, _, . and -",
			});
		}
	}
}

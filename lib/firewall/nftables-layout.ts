import { addChain, type Chain, countUses, findChain, type Hook } from "../netlink/nftables/chain.ts";
import { type Expression, sameExpressions } from "../netlink/nftables/expression.ts";
import type { TableName } from "../netlink/nftables/message.ts";
import { addRule, flushChain, listRules } from "../netlink/nftables/rule.ts";
import { addSet, listSets, type NewSet } from "../netlink/nftables/set.ts";
import { addTable, hasTable } from "../netlink/nftables/table.ts";
import type { Message } from "../netlink/wire/message.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";

/** What is always the same in a table of ours: sets for elements that come and go, and chains that look into them. */
export interface TableLayout extends TableName {
	readonly comment: string;
	readonly sets: readonly Omit<NewSet, keyof TableName>[];
	readonly chains: readonly ChainLayout[];
}

export interface ChainLayout {
	readonly chain: string;
	/** Of a base chain. */
	readonly hook?: Hook;
	/** How many rules it has, and how many rules of the layout lead to it. Undefined: elements of maps may, too. */
	readonly uses?: number;
	/** In order. Undefined: whatever an administrator puts there. */
	readonly rules: readonly RuleLayout[] | undefined;
}

export interface RuleLayout {
	/** As `nft` would write it, for messages. */
	readonly words: string;
	readonly expressions: readonly Expression[];
}

/**
 * What brings tables into these forms; nothing when they have them. Chains that somebody changed are written anew.
 *
 * Rules are counted, not read, for reading those of a table takes longer than all the rest of an ADD; a rule in the place
 * of another is for {@link missingOfLayout} to find, and for `repair`, which reads them. Without it, sets are not
 * looked for either: the kernel keeps those that a rule looks into.
 *
 * @returns the messages for each of the layouts
 */
export function makeLayouts(
	socket: NetlinkSocket,
	layouts: readonly TableLayout[],
	{ repair = false } = {},
): readonly (readonly Message[])[] {
	const uses = countUses(
		socket,
		layouts.flatMap(({ family, table, chains }) => chains.map(({ chain }) => ({ family, table, chain }))),
	);
	let next = 0;
	return layouts.map((layout) => {
		const chains = layout.chains.filter((chain) => !isAsWanted(socket, layout, { chain, uses: uses[next++], repair }));
		return messagesFor(layout, {
			sets: repair ? missingSets(socket, layout) : chains.length > 0 ? layout.sets : [],
			chains,
		});
	});
}

interface PresentChain {
	readonly chain: ChainLayout;
	/** Undefined: there is no such chain. */
	readonly uses: number | undefined;
	readonly repair: boolean;
}

function isAsWanted(socket: NetlinkSocket, table: TableName, { chain, uses, repair }: PresentChain): boolean {
	if (uses === undefined) return false;
	if (repair) return isRight(socket, table, chain);
	if (chain.uses !== undefined) return uses === chain.uses;
	return (
		chain.rules === undefined ||
		listRules(socket, { ...nameOf(table), chain: chain.chain }).length === chain.rules.length
	);
}

/** Sets that are there keep their elements. */
function messagesFor(layout: TableLayout, { sets, chains }: Pick<TableLayout, "sets" | "chains">): readonly Message[] {
	if (sets.length === 0 && chains.length === 0) return [];
	const table = nameOf(layout);
	return [
		addTable(table, { comment: layout.comment }),
		...sets.map((set) => addSet({ ...table, ...set })),
		// All before any rule: they jump to each other.
		...chains.map(({ chain, hook }) => addChain({ ...table, chain, ...(hook === undefined ? {} : { hook }) })),
		...chains.flatMap(({ chain, rules }) =>
			rules === undefined
				? []
				: [
						flushChain({ ...table, chain }),
						...rules.map(({ expressions }) => addRule({ ...table, chain }, { expressions })),
					],
		),
	];
}

function missingSets(socket: NetlinkSocket, layout: TableLayout): TableLayout["sets"] {
	const present = listSets(socket, layout);
	return layout.sets.filter(({ set }) => !present.has(set));
}

/** What the table lacks of this form, in words. */
export function missingOfLayout(socket: NetlinkSocket, layout: TableLayout): readonly string[] {
	const table = nameOf(layout);
	const name = `table "${table.family} ${table.table}"`;
	if (!hasTable(socket, table)) return [name];
	return [
		...missingSets(socket, layout).map(({ set }) => `set "${set}" of ${name}`),
		...layout.chains.flatMap((wanted) => missingOfChain(socket, table, wanted).map((words) => `${words} of ${name}`)),
	];
}

function nameOf({ family, table }: TableName): TableName {
	return { family, table };
}

function missingOfChain(socket: NetlinkSocket, table: TableName, wanted: ChainLayout): readonly string[] {
	const { chain, hook, rules = [] } = wanted;
	const found = findChain(socket, { ...table, chain });
	if (found === undefined) return [`chain "${chain}"`];
	if (!hasHook(found, hook)) return [`hook of chain "${chain}"`];
	const present = rulesOf(socket, table, chain);
	const missing = rules.filter(({ expressions }) => !present.some((rule) => sameExpressions(rule, expressions)));
	if (missing.length > 0) return missing.map(({ words }) => `rule "${words}" in chain "${chain}"`);
	return isRight(socket, table, wanted) ? [] : [`the order of the rules in chain "${chain}"`];
}

/** A chain with the right rules cannot be without its hook: chains keep that for life. */
function isRight(socket: NetlinkSocket, table: TableName, { chain, rules }: ChainLayout): boolean {
	if (rules === undefined || rules.length === 0) return findChain(socket, { ...table, chain }) !== undefined;
	const present = rulesOf(socket, table, chain);
	return (
		present.length === rules.length &&
		rules.every(({ expressions }, index) => sameExpressions(present[index] ?? [], expressions))
	);
}

function hasHook(found: Chain, hook: Hook | undefined): boolean {
	return found.hook?.type === hook?.type && found.hook?.hook === hook?.hook && found.hook?.priority === hook?.priority;
}

/** The steps of each rule without counters, which somebody may have put in to look at his traffic. */
function rulesOf(socket: NetlinkSocket, table: TableName, chain: string): readonly (readonly Expression[])[] {
	return listRules(socket, { ...table, chain }).map(({ expressions }) =>
		expressions.filter((expression) => expression.kind !== "other" || expression.name !== "counter"),
	);
}

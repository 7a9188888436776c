import { addChain, type Chain, findChain, findChains, type Hook } from "../netlink/nftables/chain.ts";
import { type Expression, sameExpressions } from "../netlink/nftables/expression.ts";
import type { TableName } from "../netlink/nftables/message.ts";
import { addRule, flushChain, listRules } from "../netlink/nftables/rule.ts";
import { addSet, listSets, type NewSet } from "../netlink/nftables/set.ts";
import { addTable, hasTable } from "../netlink/nftables/table.ts";
import type { Message } from "../netlink/wire/message.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";

/** A table of ours without the elements of its sets: what is there from the first attachment on. */
export interface TableLayout extends TableName {
	readonly comment: string;
	readonly sets: () => readonly NewSet[];
	/** Those that are jumped to first. */
	readonly chains: readonly LayoutChain[];
}

/** A chain, and the rules in it, with what each is called in messages. */
export interface LayoutChain {
	readonly chain: string;
	/** Makes it a base chain. */
	readonly hook?: Hook;
	/** How many rules it has and how many rules jump to it; undefined where elements of maps jump to it too. */
	readonly uses: number | undefined;
	readonly rules: () => readonly LayoutRule[];
}

export interface LayoutRule {
	readonly name: string;
	readonly expressions: readonly Expression[];
}

/**
 * Whether nobody has flushed or removed anything: rules are counted, not read, for reading those of a table takes as long
 * as all the rest of an ADD. A rule that somebody put into the place of ours is seen by {@link missingOfLayout}.
 */
export function isLayoutThere(socket: NetlinkSocket, { family, table, chains }: TableLayout): boolean {
	const name = { family, table };
	const found = findChains(
		socket,
		chains.map(({ chain }) => ({ ...name, chain })),
	);
	return chains.every(({ chain, uses, rules }, index) => {
		if (found[index] === undefined) return false;
		if (uses !== undefined) return found[index].uses === uses;
		return listRules(socket, { ...name, chain }).length === rules().length;
	});
}

/**
 * What has to be done so that the table is as it should be; nothing when all is well. Chains whose rules are not as
 * they should be are written anew, for everybody's elements. Sets are looked for only where a chain is not right: the
 * kernel keeps those that a rule looks into, and every set is to have such a rule.
 */
export function makeLayout(
	socket: NetlinkSocket,
	{ family, table, comment, sets, chains }: TableLayout,
): readonly Message[] {
	const name = { family, table };
	const wrong = chains
		.map(({ chain, hook, rules }) => ({ chain, hook, rules: rules() }))
		.filter(({ chain, rules }) => !sameRules(rulesOf(socket, name, chain), rules));
	if (wrong.length === 0) return [];
	const present = listSets(socket, name);
	return [
		addTable(name, { comment }),
		...sets()
			.filter(({ set }) => !present.has(set))
			.map(addSet),
		// All before any rule: they jump to each other.
		...wrong.map(({ chain, hook }) => addChain({ ...name, chain, ...(hook === undefined ? {} : { hook }) })),
		...wrong.flatMap(({ chain, rules }) => [
			flushChain({ ...name, chain }),
			...rules.map(({ expressions }) => addRule({ ...name, chain }, { expressions })),
		]),
	];
}

/** What is missing of the table, in words. */
export function missingOfLayout(
	socket: NetlinkSocket,
	{ family, table, sets, chains }: TableLayout,
): readonly string[] {
	const name = { family, table };
	const inTable = `of table "${family} ${table}"`;
	if (!hasTable(socket, name)) return [inTable.slice(3)];
	const present = listSets(socket, name);
	return [
		...sets()
			.filter(({ set }) => !present.has(set))
			.map(({ set }) => `set "${set}" ${inTable}`),
		...chains.flatMap((wanted) => {
			const { chain } = wanted;
			const found = findChain(socket, { ...name, chain });
			if (found === undefined) return [`chain "${chain}" ${inTable}`];
			const rules = rulesOf(socket, name, chain);
			return [
				...(hasHook(found, wanted) ? [] : [`hook of chain "${chain}" ${inTable}`]),
				...wanted
					.rules()
					.filter(({ expressions }) => !rules.some((rule) => sameExpressions(rule, expressions)))
					.map((rule) => `rule "${rule.name}" in chain "${chain}" ${inTable}`),
			];
		}),
	];
}

function sameRules(found: readonly (readonly Expression[])[], wanted: readonly LayoutRule[]): boolean {
	return (
		wanted.length > 0 &&
		found.length === wanted.length &&
		wanted.every(({ expressions }, index) => sameExpressions(found[index] ?? [], expressions))
	);
}

function hasHook(found: Chain, { hook }: LayoutChain): boolean {
	return found.hook?.type === hook?.type && found.hook?.hook === hook?.hook && found.hook?.priority === hook?.priority;
}

/** The steps of each rule without counters, which somebody may have put in to look at his traffic. */
function rulesOf(socket: NetlinkSocket, table: TableName, chain: string): readonly (readonly Expression[])[] {
	return listRules(socket, { ...table, chain }).map(({ expressions }) =>
		expressions.filter((expression) => expression.kind !== "other" || expression.name !== "counter"),
	);
}

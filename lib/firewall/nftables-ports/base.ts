import { addChain, type Chain, findChain, findChains } from "../../netlink/nftables/chain.ts";
import { type Expression, sameExpressions } from "../../netlink/nftables/expression.ts";
import { addRule, flushChain, listRules } from "../../netlink/nftables/rule.ts";
import { addSet, listSets } from "../../netlink/nftables/set.ts";
import { addTable, hasTable } from "../../netlink/nftables/table.ts";
import type { Message } from "../../netlink/wire/message.ts";
import type { NetlinkSocket } from "../../netlink/wire/socket.ts";
import {
	type BaseChain,
	baseChains,
	baseSets,
	masqueradeChain,
	masqueradeRule,
	masqueradeSet,
	type NetworkSize,
	newMasqueradeSet,
	parseMasqueradeSet,
	table,
	tableComment,
} from "./layout.ts";

/**
 * What has to be done so that table, sets and base chains are there, and networks of the given sizes have theirs;
 * nothing when all is well. Chains that somebody flushed are written anew, for everybody's elements. Looked at is how
 * many rules they have: what these say is for CHECK, which has the time.
 */
export function makeBase(socket: NetlinkSocket, sizes: readonly NetworkSize[]): readonly Message[] {
	const sets = listSets(socket, table);
	const missingSets = wantedSets(sets, sizes).filter(({ set }) => !sets.has(set));
	const chains = wantedChains(sets, sizes);
	const found = findChains(
		socket,
		chains.map(({ chain }) => ({ ...table, chain })),
	);
	const wrong = chains.filter((wanted, index) => found[index]?.uses !== usesOf(wanted, chains));
	if (missingSets.length === 0 && wrong.length === 0) return [];
	return [
		addTable(table, { comment: tableComment }),
		...missingSets.map(addSet),
		// All before any rule: they jump to each other.
		...chains.map(({ chain, hook }) => addChain({ ...table, chain, ...(hook === undefined ? {} : { hook }) })),
		...chains.flatMap(({ chain, rules }) => [
			flushChain({ ...table, chain }),
			...rules.map(({ expressions }) => addRule({ ...table, chain }, { expressions })),
		]),
	];
}

/** Rules in the chain, and jumps to it from the others. */
function usesOf(wanted: BaseChain, chains: readonly BaseChain[]): number {
	const jumps = chains.flatMap(({ rules }) => rules).filter(({ target }) => target === wanted.chain);
	return wanted.rules.length + jumps.length;
}

/** What is missing of table, sets and base chains, in words. */
export function missingBase(socket: NetlinkSocket, sizes: readonly NetworkSize[]): readonly string[] {
	const inTable = `of table "${table.family} ${table.table}"`;
	if (!hasTable(socket, table)) return [inTable.slice(3)];
	const sets = listSets(socket, table);
	return [
		...wantedSets(sets, sizes)
			.filter(({ set }) => !sets.has(set))
			.map(({ set }) => `set "${set}" ${inTable}`),
		...wantedChains(sets, sizes).flatMap((wanted) => {
			const found = findChain(socket, { ...table, chain: wanted.chain });
			if (found === undefined) return [`chain "${wanted.chain}" ${inTable}`];
			const rules = rulesOf(socket, wanted);
			return [
				...(hasHook(found, wanted) ? [] : [`hook of chain "${wanted.chain}" ${inTable}`]),
				...wanted.rules
					.filter(({ expressions }) => !rules.some((rule) => sameExpressions(rule, expressions)))
					.map(({ name }) => `rule "${name}" in chain "${wanted.chain}" ${inTable}`),
			];
		}),
	];
}

function wantedSets(present: ReadonlySet<string>, sizes: readonly NetworkSize[]) {
	return [...baseSets(), ...allSizes(present, sizes).map(newMasqueradeSet)];
}

function wantedChains(present: ReadonlySet<string>, sizes: readonly NetworkSize[]): readonly BaseChain[] {
	const rules = allSizes(present, sizes).map(masqueradeRule);
	return baseChains().map((chain) => (chain.chain === masqueradeChain ? { ...chain, rules } : chain));
}

/** Those wanted now and those of others, each once and in an order that does not depend on who came first. */
function allSizes(present: ReadonlySet<string>, sizes: readonly NetworkSize[]): readonly NetworkSize[] {
	const names = new Set([...present, ...sizes.map(masqueradeSet)]);
	return Array.from(names)
		.sort()
		.map(parseMasqueradeSet)
		.filter((size) => size !== undefined);
}

function hasHook(found: Chain, { hook }: BaseChain): boolean {
	return found.hook?.type === hook?.type && found.hook?.hook === hook?.hook && found.hook?.priority === hook?.priority;
}

/** The steps of each rule without counters, which somebody may have put in to look at his traffic. */
function rulesOf(socket: NetlinkSocket, { chain }: BaseChain): readonly (readonly Expression[])[] {
	return listRules(socket, { ...table, chain }).map(({ expressions }) =>
		expressions.filter((expression) => expression.kind !== "other" || expression.name !== "counter"),
	);
}

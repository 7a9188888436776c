import { addChain, type Chain, countUses, findChain } from "../../netlink/nftables/chain.ts";
import { type Expression, sameExpressions } from "../../netlink/nftables/expression.ts";
import { addRule, flushChain, listRules } from "../../netlink/nftables/rule.ts";
import { addSet, listSets, type NewSet } from "../../netlink/nftables/set.ts";
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
	const all = allSizes(sets, sizes);
	const missingSets = wantedSets(all).filter(({ set }) => !sets.has(set));
	if (missingSets.length === 0 && areChainsWhole(socket, all.length)) return [];
	const chains = wantedChains(all);
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

const chains = baseChains();
const chainNames = chains.map(({ chain }) => ({ ...table, chain }));

/** Rules in each chain, and jumps to it from the others; those of masquerading left out, of which there is one for each size. */
const uses = chains.map(({ chain, rules }) => {
	const jumps = chains.flatMap((other) => other.rules).filter(({ target }) => target === chain);
	return rules.length + jumps.length;
});

function areChainsWhole(socket: NetlinkSocket, masqueradeRules: number): boolean {
	const found = countUses(socket, chainNames);
	return chains.every(
		({ chain }, index) => found[index] === (uses[index] ?? 0) + (chain === masqueradeChain ? masqueradeRules : 0),
	);
}

/** What is missing of table, sets and base chains, in words. */
export function missingBase(socket: NetlinkSocket, sizes: readonly NetworkSize[]): readonly string[] {
	const inTable = `of table "${table.family} ${table.table}"`;
	if (!hasTable(socket, table)) return [inTable.slice(3)];
	const sets = listSets(socket, table);
	const all = allSizes(sets, sizes);
	return [
		...wantedSets(all)
			.filter(({ set }) => !sets.has(set))
			.map(({ set }) => `set "${set}" ${inTable}`),
		...wantedChains(all).flatMap((wanted) => {
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

const sharedSets = baseSets();

function wantedSets(all: readonly NetworkSize[]): readonly NewSet[] {
	return [...sharedSets, ...all.map(newMasqueradeSet)];
}

function wantedChains(all: readonly NetworkSize[]): readonly BaseChain[] {
	const rules = all.map(masqueradeRule);
	return chains.map((chain) => (chain.chain === masqueradeChain ? { ...chain, rules } : chain));
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

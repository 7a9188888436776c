import {
	addressFromBytes,
	addressToBytes,
	type Family,
	hostPrefix,
	type IpAddress,
	type IpPrefix,
} from "../../ip/address.ts";
import { decodeUtf8 } from "../../linux/utf8.ts";
import { commit, readGeneration } from "../../netlink/nftables/batch.ts";
import { findChain } from "../../netlink/nftables/chain.ts";
import type { Expression } from "../../netlink/nftables/expression.ts";
import { deleteRule, listRules } from "../../netlink/nftables/rule.ts";
import type { NetlinkSocket } from "../../netlink/wire/socket.ts";
import { type Kind, restoreTable, saveTable } from "./program.ts";
import { type NamedInterface, parseSavedChains, parseSavedRules } from "./saved-rule.ts";

/**
 * Table filter of one family as one implementation of iptables has it. What iptables-nft made lies in nf_tables, and is
 * read and deleted there without a process; of iptables-legacy, the programs have to be asked.
 */
export interface FilterTable {
	hasChain(chain: string): boolean;
	/** The rules of the chain, in order; none when it does not exist. At least those that are about the address, if given. */
	rules(chain: string, about?: IpAddress): readonly FilterRule[];
	/** Deletes rules that were read from this table, all or none. @throws BatchError ERESTART when somebody was faster */
	delete(rules: readonly FilterRule[]): void;
}

/** A rule, as far as ours go. */
export interface FilterRule {
	readonly chain: string;
	/** Undefined: any. Of a rule that compares with anything else than one address, undefined too, and `qualified`. */
	readonly source: IpPrefix | undefined;
	readonly destination: IpPrefix | undefined;
	readonly input: NamedInterface | undefined;
	readonly output: NamedInterface | undefined;
	/** `ACCEPT`, `DROP`, `RETURN`, or a chain; empty for another. */
	readonly target: string;
	/** How many extensions it asks (`-m`), a comment counted or not. */
	readonly matches: number;
	/** Whether it asks for more than is told here: a protocol, a prefix, a negated address. */
	readonly qualified: boolean;
	/** How the table names it when it is deleted. */
	readonly name: bigint | string;
}

/** Reads through `iptables-save -t filter`. @throws CniError */
export function readSavedFilter(family: Family, kind: Kind | undefined): FilterTable {
	const lines = saveTable({ table: "filter", family, kind });
	const chains = parseSavedChains(lines);
	const rules = parseSavedRules(lines).map((rule) => ({
		...rule,
		qualified: rule.qualified || rule.destinationNegated,
		name: rule.specification,
	}));
	return {
		hasChain: (chain) => chains.includes(chain),
		rules: (chain) => rules.filter((rule) => rule.chain === chain),
		delete(selected) {
			if (selected.length === 0) return;
			restoreTable(
				selected.map(({ chain, name }) => `-D ${chain} ${name}`),
				{ table: "filter", family, kind },
			);
		},
	};
}

/** Reads what iptables-nft has, from the kernel; a deletion is of the generation that was read first. */
export function readNftFilter(socket: NetlinkSocket, family: Family): FilterTable {
	const table = { family: family === 4 ? "ip" : "ip6", table: "filter" } as const;
	const generation = readGeneration(socket);
	return {
		hasChain: (chain) => findChain(socket, { ...table, chain }) !== undefined,
		rules: (chain, about) =>
			listRules(socket, {
				...table,
				chain,
				...(about === undefined ? {} : { containing: addressToBytes(about) }),
			}).map((rule) => ({ chain, name: rule.handle, ...meaningOf(rule.expressions, family) })),
		delete(selected) {
			const messages = selected.map(({ chain, name }) => deleteRule({ ...table, chain }, BigInt(name)));
			commit(socket, messages, { generation });
		},
	};
}

type Meaning = Omit<FilterRule, "chain" | "name">;
type Draft = { -readonly [K in keyof Meaning]: Meaning[K] };

/** Where the addresses of an IP header lie. */
const offsets = { 4: { source: 12, destination: 16 }, 6: { source: 8, destination: 24 } } as const;
const targets = { accept: "ACCEPT", drop: "DROP", return: "RETURN" } as const;

function meaningOf(expressions: readonly Expression[], family: Family): Meaning {
	const meaning: Draft = {
		source: undefined,
		destination: undefined,
		input: undefined,
		output: undefined,
		target: "",
		matches: 0,
		qualified: false,
	};
	let loaded: Expression | undefined;
	for (const expression of expressions) {
		switch (expression.kind) {
			case "meta":
			case "payload":
			case "ct":
				loaded = expression;
				break;
			case "compare":
				if (!understand(meaning, { loaded, compare: expression, family })) meaning.qualified = true;
				loaded = undefined;
				break;
			case "verdict":
				meaning.target = "chain" in expression ? expression.chain : targets[expression.verdict];
				break;
			case "mask":
				// Of `ct state`: which states count. Of anything else: a prefix.
				if (!isConntrack(loaded)) meaning.qualified = true;
				break;
			case "other":
				if (expression.name === "match") meaning.matches++;
				else if (isConntrack(expression)) loaded = expression;
				else if (expression.name !== "counter") meaning.qualified = true;
				break;
			default:
				meaning.qualified = true;
		}
	}
	return meaning;
}

interface Comparison {
	readonly loaded: Expression | undefined;
	readonly compare: Expression & { readonly kind: "compare" };
	readonly family: Family;
}

/** Whether the comparison is with one address, or with an interface. */
function understand(meaning: Draft, { loaded, compare, family }: Comparison): boolean {
	const negated = compare.operator === "!=";
	if (isConntrack(loaded)) {
		meaning.matches++;
		return true;
	}
	if (loaded?.kind === "meta") {
		const direction = loaded.key === "iifname" ? "input" : loaded.key === "oifname" ? "output" : undefined;
		if (direction === undefined) return false;
		meaning[direction] = { name: interfaceName(compare.bytes), negated };
		return true;
	}
	const whole = family === 4 ? 4 : 16;
	if (loaded?.kind !== "payload" || loaded.base !== "network" || compare.bytes.byteLength !== whole) return false;
	if (negated || loaded.length !== whole) return false;
	const { source, destination } = offsets[family];
	const field = loaded.offset === source ? "source" : loaded.offset === destination ? "destination" : undefined;
	if (field === undefined) return false;
	meaning[field] = hostPrefix(addressFromBytes(compare.bytes));
	return true;
}

function isConntrack(expression: Expression | undefined): boolean {
	return expression?.kind === "ct" || (expression?.kind === "other" && expression.name === "ct");
}

/** A name without its NUL is the beginning of names, which iptables writes with a plus. */
function interfaceName(bytes: Uint8Array): string {
	const end = bytes.indexOf(0);
	const text = decodeUtf8(end < 0 ? bytes : bytes.subarray(0, end));
	return end < 0 ? `${text}+` : text;
}

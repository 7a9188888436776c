import { Errno } from "../../linux/errno.ts";
import { attribute, type ReceivedAttributes, read } from "../wire/attributes.ts";
import { type Message, NLM_F_CREATE, type ReceivedMessage } from "../wire/message.ts";
import type { NetlinkSocket } from "../wire/socket.ts";
import { findAll } from "./find-all.ts";
import {
	type ChainName,
	familyOf,
	NFT_MSG_DELCHAIN,
	NFT_MSG_GETCHAIN,
	NFT_MSG_NEWCHAIN,
	nftAttribute,
	nftAttributes,
	nftMessage,
	type TableFamily,
	type TableName,
	tableAttribute,
} from "./message.ts";
import { decodeComment, encodeComment } from "./user-data.ts";

const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_USE = 6;
const NFTA_CHAIN_TYPE = 7;
const NFTA_CHAIN_USERDATA = 12;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;

/** Where packets enter the chain. */
export interface Hook {
	readonly type: "filter" | "nat" | "route";
	readonly hook: HookName;
	readonly priority: number;
	/** Absent: not said, which the kernel takes for accept. */
	readonly policy?: "accept" | "drop";
}

const hookNames = ["prerouting", "input", "forward", "output", "postrouting"] as const;
type HookName = (typeof hookNames)[number];

/** A chain as the kernel reports it. */
export interface Chain {
	readonly table: string;
	readonly name: string;
	/** Undefined for a chain that is only jumped to. */
	readonly hook: Hook | undefined;
	readonly comment: string;
	/** How many rules it has, and how many rules and elements jump to it, together. */
	readonly uses: number;
}

export interface NewChain extends ChainName {
	/** Makes it a base chain. */
	readonly hook?: Hook;
	readonly comment?: string;
}

/**
 * `nft add chain FAMILY TABLE CHAIN { type TYPE hook HOOK priority N; policy accept; comment "…"; }`. One that exists
 * keeps its rules and its comment; a base chain with another hook is refused (EEXIST).
 */
export function addChain({ family, table, chain, hook, comment }: NewChain): Message {
	return nftMessage(NFT_MSG_NEWCHAIN, {
		family,
		flags: NLM_F_CREATE,
		attributes: [
			tableAttribute(table),
			attribute.string(NFTA_CHAIN_NAME, chain),
			...(hook === undefined ? [] : hookAttributes(hook)),
			...(comment === undefined ? [] : [attribute.bytes(NFTA_CHAIN_USERDATA, encodeComment(comment))]),
		],
	});
}

/** `nft delete chain FAMILY TABLE CHAIN` with its rules; refused (EBUSY) while a rule elsewhere jumps to it. */
export function deleteChain({ family, table, chain }: ChainName): Message {
	return nftMessage(NFT_MSG_DELCHAIN, {
		family,
		attributes: [tableAttribute(table), attribute.string(NFTA_CHAIN_NAME, chain)],
	});
}

/** The chain, or undefined when it or its table does not exist. @throws NetlinkError */
export function findChain(socket: NetlinkSocket, name: ChainName): Chain | undefined {
	const answer = socket.find(chainRequest(name), Errno.ENOENT);
	return answer === undefined ? undefined : decodeChain(answer);
}

/** The same for several, in one go. @throws NetlinkError */
export function findChains(socket: NetlinkSocket, names: readonly ChainName[]): readonly (Chain | undefined)[] {
	return findAll(socket, names.map(chainRequest)).map((answer) =>
		answer === undefined ? undefined : decodeChain(answer),
	);
}

/**
 * The same, but only how many uses each has (`uses` of {@link Chain}): few who ask want to know more.
 *
 * @throws NetlinkError
 */
export function countUses(socket: NetlinkSocket, names: readonly ChainName[]): readonly (number | undefined)[] {
	return findAll(socket, names.map(chainRequest)).map((answer) =>
		answer === undefined ? undefined : (read.u32be(nftAttribute(answer, NFTA_CHAIN_USE)) ?? 0),
	);
}

/** Every chain of every table, with its table's family. `nft list chains` @throws NetlinkError */
export function listAllChains(socket: NetlinkSocket): readonly (Chain & { readonly family: TableFamily })[] {
	return socket.dump(nftMessage(NFT_MSG_GETCHAIN, {})).flatMap((message) => {
		const family = familyOf(message);
		return family === undefined ? [] : [{ ...decodeChain(message), family }];
	});
}

/** The chains of the table; none when it does not exist. `nft list chains FAMILY`. @throws NetlinkError */
export function listChains(socket: NetlinkSocket, { family, table }: TableName): readonly Chain[] {
	return socket
		.dump(nftMessage(NFT_MSG_GETCHAIN, { family }))
		.map(decodeChain)
		.filter((chain) => chain.table === table);
}

function chainRequest({ family, table, chain }: ChainName): Message {
	const attributes = [tableAttribute(table), attribute.string(NFTA_CHAIN_NAME, chain)];
	return nftMessage(NFT_MSG_GETCHAIN, { family, attributes });
}

function hookAttributes({ type, hook, priority, policy }: Hook) {
	return [
		attribute.string(NFTA_CHAIN_TYPE, type),
		...(policy === undefined ? [] : [attribute.u32be(NFTA_CHAIN_POLICY, policy === "accept" ? 1 : 0)]),
		attribute.nested(NFTA_CHAIN_HOOK, [
			attribute.u32be(NFTA_HOOK_HOOKNUM, hookNames.indexOf(hook)),
			attribute.u32be(NFTA_HOOK_PRIORITY, priority),
		]),
	];
}

function decodeChain(message: ReceivedMessage): Chain {
	const attributes = nftAttributes(message);
	return {
		table: attributes.string(NFTA_CHAIN_TABLE) ?? "",
		name: attributes.string(NFTA_CHAIN_NAME) ?? "",
		hook: decodeHook(attributes),
		comment: decodeComment(attributes.get(NFTA_CHAIN_USERDATA)),
		uses: attributes.u32be(NFTA_CHAIN_USE) ?? 0,
	};
}

function decodeHook(attributes: ReceivedAttributes): Hook | undefined {
	const nested = attributes.get(NFTA_CHAIN_HOOK);
	if (nested === undefined) return undefined;
	const hook = read.nested(nested);
	const type = attributes.string(NFTA_CHAIN_TYPE);
	return {
		type: type === "nat" || type === "route" ? type : "filter",
		hook: hookNames[hook.u32be(NFTA_HOOK_HOOKNUM) ?? 0] ?? "prerouting",
		priority: (hook.u32be(NFTA_HOOK_PRIORITY) ?? 0) | 0,
		policy: attributes.u32be(NFTA_CHAIN_POLICY) === 0 ? "drop" : "accept",
	};
}

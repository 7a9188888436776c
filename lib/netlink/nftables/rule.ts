import { includesBytes } from "../../linux/bytes.ts";
import { encodeUtf8 } from "../../linux/utf8.ts";
import { attribute, read } from "../wire/attributes.ts";
import { type Message, NLM_F_APPEND, NLM_F_CREATE, type ReceivedMessage } from "../wire/message.ts";
import type { NetlinkSocket } from "../wire/socket.ts";
import { decodeExpressions } from "./decode-expression.ts";
import { type Expression, encodeExpressions } from "./expression.ts";
import {
	type ChainName,
	NFT_MSG_DELRULE,
	NFT_MSG_GETRULE,
	NFT_MSG_NEWRULE,
	nftAttributes,
	nftMessage,
	tableAttribute,
} from "./message.ts";
import { decodeComment, encodeComment } from "./user-data.ts";

const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_RULE_USERDATA = 7;

/** A rule as the kernel reports it. */
export interface Rule {
	/** Names the rule within its table, as long as the table exists. */
	readonly handle: bigint;
	readonly expressions: readonly Expression[];
	readonly comment: string;
}

export interface NewRule {
	readonly expressions: readonly Expression[];
	readonly comment?: string;
}

/** `nft add rule FAMILY TABLE CHAIN EXPRESSIONS comment "…"`: behind the rules that are there. */
export function addRule(chain: ChainName, { expressions, comment }: NewRule): Message {
	return nftMessage(NFT_MSG_NEWRULE, {
		family: chain.family,
		flags: NLM_F_CREATE | NLM_F_APPEND,
		attributes: [
			...nameAttributes(chain),
			attribute.nested(NFTA_RULE_EXPRESSIONS, encodeExpressions(expressions)),
			...(comment === undefined ? [] : [attribute.bytes(NFTA_RULE_USERDATA, encodeComment(comment))]),
		],
	});
}

/** `nft delete rule FAMILY TABLE CHAIN handle HANDLE`. */
export function deleteRule(chain: ChainName, handle: bigint): Message {
	return nftMessage(NFT_MSG_DELRULE, {
		family: chain.family,
		attributes: [...nameAttributes(chain), attribute.u64be(NFTA_RULE_HANDLE, handle)],
	});
}

/** `nft flush chain FAMILY TABLE CHAIN`. */
export function flushChain(chain: ChainName): Message {
	return nftMessage(NFT_MSG_DELRULE, { family: chain.family, attributes: nameAttributes(chain) });
}

/**
 * The rules of a chain in order; none when chain or table do not exist. `nft -a list chain FAMILY TABLE CHAIN`.
 * With `containing`, only rules in whose message that ASCII text, or those bytes, occur: a chain may have thousands, and decoding
 * those that cannot be meant would cost more than everything else.
 *
 * @throws NetlinkError
 */
export function listRules(
	socket: NetlinkSocket,
	{ containing, ...chain }: ChainName & { containing?: string | Uint8Array },
): readonly Rule[] {
	const answers = socket.dump(nftMessage(NFT_MSG_GETRULE, { family: chain.family, attributes: nameAttributes(chain) }));
	const part = typeof containing === "string" ? encodeUtf8(containing) : containing;
	const wanted = part === undefined ? answers : answers.filter(({ body }) => includesBytes(body, part));
	return wanted.map(decodeRule);
}

function decodeRule(message: ReceivedMessage): Rule {
	const attributes = nftAttributes(message);
	const expressions = attributes.get(NFTA_RULE_EXPRESSIONS);
	return {
		handle: read.u64be(attributes.get(NFTA_RULE_HANDLE)) ?? 0n,
		// Most rules are only told by their comment.
		get expressions() {
			return expressions === undefined ? [] : decodeExpressions(expressions);
		},
		comment: decodeComment(attributes.get(NFTA_RULE_USERDATA)),
	};
}

function nameAttributes({ table, chain }: ChainName) {
	return [tableAttribute(table), attribute.string(NFTA_RULE_CHAIN, chain)];
}

import {
	type Attribute,
	attribute,
	decodeAttributes,
	findAttribute,
	type PlainAttribute,
	type ReceivedAttributes,
} from "../wire/attributes.ts";
import type { Message, ReceivedMessage } from "../wire/message.ts";

/** NFNL_SUBSYS_NFTABLES: the high byte of every message type. */
const subsystem = 10;

export const NFT_MSG_NEWTABLE = 0;
export const NFT_MSG_GETTABLE = 1;
export const NFT_MSG_NEWCHAIN = 3;
export const NFT_MSG_GETCHAIN = 4;
export const NFT_MSG_DELCHAIN = 5;
export const NFT_MSG_NEWRULE = 6;
export const NFT_MSG_GETRULE = 7;
export const NFT_MSG_DELRULE = 8;
export const NFT_MSG_NEWSET = 9;
export const NFT_MSG_GETSET = 10;
export const NFT_MSG_DELSET = 11;
export const NFT_MSG_NEWSETELEM = 12;
export const NFT_MSG_GETSETELEM = 13;
export const NFT_MSG_DELSETELEM = 14;
export const NFT_MSG_GETGEN = 16;

/** The families of tables by the names that `nft` gives them, and their NFPROTO numbers. */
const familyNumbers = { inet: 1, ip: 2, bridge: 7, ip6: 10 } as const;
export type TableFamily = keyof typeof familyNumbers;

/** A table, as `nft` names it: `inet cni_plugins_masquerade`. */
export interface TableName {
	readonly family: TableFamily;
	readonly table: string;
}

/** A chain, as `nft` names it: `inet cni_plugins_masquerade postrouting`. */
export interface ChainName extends TableName {
	readonly chain: string;
}

/** A set or a map, as `nft` names it: `inet cni_suite ports4`. */
export interface SetName extends TableName {
	readonly set: string;
}

/** A message to nf_tables: `struct nfgenmsg`, and attributes. */
export function nftMessage(
	type: number,
	{ family, flags = 0, attributes = [] }: { family?: TableFamily; flags?: number; attributes?: readonly Attribute[] },
): Message {
	const header = family === undefined ? anyFamily : headers[family];
	return { type: (subsystem << 8) | type, flags, header, attributes };
}

/** What every message but a table's own says first: NFTA_*_TABLE, which is 1 in all of them, and so is NFTA_TABLE_NAME. */
export function tableAttribute(table: string): PlainAttribute {
	const kept = tableAttributes.get(table) ?? attribute.string(NFTA_TABLE, table);
	tableAttributes.set(table, kept);
	return kept;
}

/** Of the few tables that there are to name, in message after message. */
const tableAttributes = new Map<string, PlainAttribute>();

const NFTA_TABLE = 1;

export const NFNL_MSG_BATCH_BEGIN = 0x10;
export const NFNL_MSG_BATCH_END = 0x11;

/** The begin or the end of a batch: they name the subsystem in their header. */
export function batchMessage(
	type: typeof NFNL_MSG_BATCH_BEGIN | typeof NFNL_MSG_BATCH_END,
	attributes: readonly Attribute[],
): Message {
	return { type, header: nfgenmsg(0, subsystem), attributes };
}

/** Of the attributes of an answer only the one of this type. */
export function nftAttribute({ body }: ReceivedMessage, type: number): Uint8Array | undefined {
	return findAttribute(body.subarray(4), type);
}

/** The attributes of an answer of nf_tables. */
export function nftAttributes({ body }: ReceivedMessage): ReceivedAttributes {
	return decodeAttributes(body.subarray(4));
}

/** The family of what an answer tells; undefined for one that has no name here. */
export function familyOf({ body }: ReceivedMessage): TableFamily | undefined {
	for (const family in familyNumbers) {
		if (familyNumbers[family as TableFamily] === body[0]) return family as TableFamily;
	}
	return undefined;
}

/** Nobody writes to a header: all messages of a family have the same. */
const headers = {
	inet: nfgenmsg(familyNumbers.inet, 0),
	ip: nfgenmsg(familyNumbers.ip, 0),
	bridge: nfgenmsg(familyNumbers.bridge, 0),
	ip6: nfgenmsg(familyNumbers.ip6, 0),
} as const satisfies Record<TableFamily, Uint8Array>;

const anyFamily = nfgenmsg(0, 0);

/** `struct nfgenmsg`: u8 family, u8 version 0, u16 resource, big-endian. */
function nfgenmsg(family: number, resource: number): Uint8Array {
	return new Uint8Array([family, 0, resource >> 8, resource & 255]);
}

import { Errno } from "../../linux/errno.ts";
import { attribute, read } from "../wire/attributes.ts";
import { type Message, NLM_F_CREATE } from "../wire/message.ts";
import type { NetlinkSocket } from "../wire/socket.ts";
import { byteLength, byteOrderOf, type DataTypes, typeNumber } from "./data-type.ts";
import { dumpIfThere } from "./dump-if-there.ts";
import {
	NFT_MSG_DELSET,
	NFT_MSG_GETSET,
	NFT_MSG_NEWSET,
	nftAttribute,
	nftMessage,
	type SetName,
	type TableName,
	tableAttribute,
} from "./message.ts";

const NFTA_SET_NAME = 2;
const NFTA_SET_FLAGS = 3;
const NFTA_SET_KEY_TYPE = 4;
const NFTA_SET_KEY_LEN = 5;
const NFTA_SET_DATA_TYPE = 6;
const NFTA_SET_DATA_LEN = 7;
const NFTA_SET_DESC = 9;
const NFTA_SET_ID = 10;
const NFTA_SET_USERDATA = 13;
const NFTA_SET_DESC_SIZE = 1;

const NFT_SET_MAP = 8;
const NFT_DATA_VERDICT = 0xffffff00;

/** A set, or with `value` a map. */
export interface NewSet extends SetName {
	readonly key: DataTypes;
	readonly value?: DataTypes | "verdict";
	/** How many elements it may have: the kernel then makes a table for them at once, through which it goes faster. */
	readonly size?: number;
}

/**
 * `nft add set FAMILY TABLE SET { type KEY; }`, `nft add map FAMILY TABLE SET { type KEY : VALUE; }`: looked up by hash,
 * so that neither adding nor looking up depends on how many elements there are. One that exists keeps its elements;
 * of other types it is refused (EEXIST).
 */
export function addSet({ family, table, set, key, value, size }: NewSet): Message {
	return nftMessage(NFT_MSG_NEWSET, {
		family,
		flags: NLM_F_CREATE,
		attributes: [
			tableAttribute(table),
			attribute.string(NFTA_SET_NAME, set),
			attribute.u32be(NFTA_SET_FLAGS, value === undefined ? 0 : NFT_SET_MAP),
			attribute.u32be(NFTA_SET_KEY_TYPE, typeNumber(key)),
			attribute.u32be(NFTA_SET_KEY_LEN, byteLength(key)),
			...(value === undefined ? [] : valueAttributes(value)),
			// Names the set within the transaction; the kernel insists, and finds it by its name all the same.
			attribute.u32be(NFTA_SET_ID, 1),
			...(size === undefined ? [] : [attribute.nested(NFTA_SET_DESC, [attribute.u32be(NFTA_SET_DESC_SIZE, size)])]),
			attribute.bytes(NFTA_SET_USERDATA, userData(key, value)),
		],
	});
}

/** `nft delete set FAMILY TABLE SET` with its elements; refused (EBUSY) while a rule looks into it. */
export function deleteSet({ family, table, set }: SetName): Message {
	return nftMessage(NFT_MSG_DELSET, {
		family,
		attributes: [tableAttribute(table), attribute.string(NFTA_SET_NAME, set)],
	});
}

/** Whether the set or map exists. @throws NetlinkError */
export function hasSet(socket: NetlinkSocket, { family, table, set }: SetName): boolean {
	const attributes = [tableAttribute(table), attribute.string(NFTA_SET_NAME, set)];
	return socket.find(nftMessage(NFT_MSG_GETSET, { family, attributes }), Errno.ENOENT) !== undefined;
}

/** The names of the sets and maps of a table; none when it does not exist. `nft list sets table …` @throws NetlinkError */
export function listSets(socket: NetlinkSocket, { family, table }: TableName): ReadonlySet<string> {
	const attributes = [tableAttribute(table)];
	const names = new Set<string>();
	for (const set of dumpIfThere(socket, nftMessage(NFT_MSG_GETSET, { family, attributes }))) {
		const name = read.string(nftAttribute(set, NFTA_SET_NAME));
		if (name !== undefined) names.add(name);
	}
	return names;
}

function valueAttributes(value: DataTypes | "verdict") {
	return value === "verdict"
		? [attribute.u32be(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT), attribute.u32be(NFTA_SET_DATA_LEN, 0)]
		: [attribute.u32be(NFTA_SET_DATA_TYPE, typeNumber(value)), attribute.u32be(NFTA_SET_DATA_LEN, byteLength(value))];
}

/** What `nft` notes for itself: `u8 type; u8 length; value`, numbers little-endian. */
function userData(key: DataTypes, value: NewSet["value"]): Uint8Array {
	return new Uint8Array([
		...note(keyByteOrder, byteOrderOf(key)),
		...(value === undefined ? [] : note(valueByteOrder, value === "verdict" ? 0 : byteOrderOf(value))),
		...(key.length === 1 ? [] : concatenation(keyForm)),
		...(value === undefined || value === "verdict" || value.length === 1 ? [] : concatenation(valueForm)),
		...(value === undefined ? [] : note(valueIsInterval, 0)),
	]);
}

const keyByteOrder = 0;
const valueByteOrder = 1;
const keyForm = 3;
const valueForm = 4;
const valueIsInterval = 6;

function note(type: number, value: number): readonly number[] {
	return [type, 4, value, 0, 0, 0];
}

/** That it is a concatenation (13 among `nft`'s forms of expressions) of nothing more than its types. */
function concatenation(type: number): readonly number[] {
	return [type, 8, 0, 4, 13, 0, 0, 0, 1, 0];
}

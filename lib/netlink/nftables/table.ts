import { Errno } from "../../linux/errno.ts";
import { attribute } from "../wire/attributes.ts";
import type { Message } from "../wire/message.ts";
import type { NetlinkSocket } from "../wire/socket.ts";
import { findAll } from "./find-all.ts";
import { NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, nftMessage, type TableName, tableAttribute } from "./message.ts";
import { encodeComment } from "./user-data.ts";

const NFTA_TABLE_FLAGS = 2;
const NFTA_TABLE_USERDATA = 6;

/** `nft add table FAMILY TABLE { comment "…"; }`; one that exists stays as it is. */
export function addTable({ family, table }: TableName, { comment }: { comment?: string } = {}): Message {
	return nftMessage(NFT_MSG_NEWTABLE, {
		family,
		attributes: [
			tableAttribute(table),
			attribute.u32be(NFTA_TABLE_FLAGS, 0),
			...(comment === undefined ? [] : [attribute.bytes(NFTA_TABLE_USERDATA, encodeComment(comment))]),
		],
	});
}

/** Whether the table exists. @throws NetlinkError */
export function hasTable(socket: NetlinkSocket, name: TableName): boolean {
	return socket.find(tableRequest(name), Errno.ENOENT) !== undefined;
}

/** The same for several, in one go. @throws NetlinkError */
export function haveTables(socket: NetlinkSocket, names: readonly TableName[]): readonly boolean[] {
	return findAll(socket, names.map(tableRequest)).map((found) => found !== undefined);
}

function tableRequest({ family, table }: TableName): Message {
	return nftMessage(NFT_MSG_GETTABLE, { family, attributes: [tableAttribute(table)] });
}

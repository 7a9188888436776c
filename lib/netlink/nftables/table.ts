import { attribute } from "../wire/attributes.ts";
import type { Message } from "../wire/message.ts";
import type { NetlinkSocket } from "../wire/socket.ts";
import { absentAsUndefined } from "./absent.ts";
import { NFT_MSG_DELTABLE, NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, nftMessage, type TableName } from "./message.ts";
import { encodeComment } from "./user-data.ts";

const NFTA_TABLE_NAME = 1;
const NFTA_TABLE_FLAGS = 2;
const NFTA_TABLE_USERDATA = 6;

/** `nft add table FAMILY TABLE { comment "…"; }`; one that exists stays as it is. */
export function addTable({ family, table }: TableName, { comment }: { comment?: string } = {}): Message {
	return nftMessage(NFT_MSG_NEWTABLE, {
		family,
		attributes: [
			attribute.string(NFTA_TABLE_NAME, table),
			attribute.u32be(NFTA_TABLE_FLAGS, 0),
			...(comment === undefined ? [] : [attribute.bytes(NFTA_TABLE_USERDATA, encodeComment(comment))]),
		],
	});
}

/** `nft delete table FAMILY TABLE` with everything in it. */
export function deleteTable({ family, table }: TableName): Message {
	return nftMessage(NFT_MSG_DELTABLE, { family, attributes: [attribute.string(NFTA_TABLE_NAME, table)] });
}

/** Whether the table exists. @throws NetlinkError */
export function hasTable(socket: NetlinkSocket, { family, table }: TableName): boolean {
	const attributes = [attribute.string(NFTA_TABLE_NAME, table)];
	return absentAsUndefined(() => socket.get(nftMessage(NFT_MSG_GETTABLE, { family, attributes }))) !== undefined;
}

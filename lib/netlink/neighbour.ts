import { addressFromBytes, addressToBytes, type IpAddress } from "../ip/address.ts";
import { formatMac, parseMac } from "./mac.ts";
import { addressFamily, RTM_NEWNEIGH } from "./rtnetlink.ts";
import { attribute, decodeAttributes } from "./wire/attributes.ts";
import { type Message, NLM_F_CREATE, NLM_F_REPLACE, type ReceivedMessage } from "./wire/message.ts";

/** An entry of the ARP or neighbour-discovery cache; `ip neigh`. */
export interface Neighbour {
	readonly linkIndex: number;
	readonly address: IpAddress;
	/** Empty while the address is not resolved. */
	readonly mac: string;
}

const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_STALE = 0x04;

/**
 * `ip neigh replace ADDRESS lladdr MAC dev LINK nud stale`: used at once, and confirmed by the kernel on first use.
 */
export function replaceNeighbour({ linkIndex, address, mac }: Neighbour): Message {
	return {
		type: RTM_NEWNEIGH,
		flags: NLM_F_CREATE | NLM_F_REPLACE,
		header: ndmsg({ linkIndex, address, state: NUD_STALE }),
		attributes: [
			attribute.bytes(NDA_DST, addressToBytes(address)),
			attribute.bytes(NDA_LLADDR, parseMac(mac) ?? new Uint8Array(6)),
		],
	};
}

export function decodeNeighbour({ body }: ReceivedMessage): Neighbour {
	const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
	const attributes = decodeAttributes(body.subarray(12));
	const mac = attributes.get(NDA_LLADDR);
	return {
		linkIndex: view.getInt32(4, true),
		address: addressFromBytes(attributes.get(NDA_DST) ?? new Uint8Array(4)),
		mac: mac === undefined ? "" : formatMac(mac),
	};
}

/** `struct ndmsg`: u8 family, u8 pad, u16 pad, i32 index, u16 state, u8 flags, u8 type. */
function ndmsg({ linkIndex, address, state }: { linkIndex: number; address: IpAddress; state: number }): Uint8Array {
	const header = new Uint8Array(12);
	const view = new DataView(header.buffer);
	header[0] = addressFamily(address.family);
	view.setInt32(4, linkIndex, true);
	view.setUint16(8, state, true);
	return header;
}

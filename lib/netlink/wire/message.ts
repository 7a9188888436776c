import { type Attribute, decodeAttributes, encodeAttributes, read } from "./attributes.ts";

/** `struct nlmsghdr`: u32 length, u16 type, u16 flags, u32 sequence, u32 port id. */
const headerSize = 16;

export const NLM_F_REQUEST = 0x01;
export const NLM_F_MULTI = 0x02;
export const NLM_F_ACK = 0x04;
export const NLM_F_ECHO = 0x08;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

/** A message to be sent: type and flags of the netlink header, the family's fixed header, attributes. */
export interface Message {
	readonly type: number;
	/** Besides NLM_F_REQUEST. */
	readonly flags?: number;
	/** The fixed header of the family, such as `struct ifinfomsg`. */
	readonly header: Uint8Array;
	readonly attributes?: readonly Attribute[];
}

export interface ReceivedMessage {
	readonly type: number;
	readonly flags: number;
	readonly sequence: number;
	readonly portId: number;
	/** Everything behind the netlink header. */
	readonly body: Uint8Array;
}

/** The bytes of a message; its length is padded to 4 bytes, so that messages can follow each other in one datagram. */
export function encodeMessage(
	message: Message,
	{ sequence, portId }: { sequence: number; portId: number },
): Uint8Array {
	const attributes = encodeAttributes(message.attributes ?? []);
	const headerEnd = headerSize + ((message.header.byteLength + 3) & ~3);
	const bytes = new Uint8Array(headerEnd + attributes.byteLength);
	const view = new DataView(bytes.buffer);
	view.setUint32(0, bytes.byteLength, true);
	view.setUint16(4, message.type, true);
	view.setUint16(6, NLM_F_REQUEST | (message.flags ?? 0), true);
	view.setUint32(8, sequence, true);
	view.setUint32(12, portId, true);
	bytes.set(message.header, headerSize);
	bytes.set(attributes, headerEnd);
	return bytes;
}

/** The messages of one received datagram. @throws Error when the datagram ends within a message */
export function decodeMessages(datagram: Uint8Array): readonly ReceivedMessage[] {
	const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
	const messages: ReceivedMessage[] = [];
	for (let offset = 0; offset < datagram.byteLength; ) {
		const left = datagram.byteLength - offset;
		const length = left < headerSize ? 0 : view.getUint32(offset, true);
		if (length < headerSize || length > left) {
			throw new Error(`Cannot read a netlink datagram of ${datagram.byteLength} bytes: it ends within a message`);
		}
		messages.push({
			type: view.getUint16(offset + 4, true),
			flags: view.getUint16(offset + 6, true),
			sequence: view.getUint32(offset + 8, true),
			portId: view.getUint32(offset + 12, true),
			body: datagram.subarray(offset + headerSize, offset + length),
		});
		offset += (length + 3) & ~3;
	}
	return messages;
}

/** What an NLMSG_ERROR or NLMSG_DONE says: errno 0 is an acknowledgement. */
export interface Acknowledgement {
	readonly errno: number;
	/** The kernel's own words (extended ack), empty when it gave none. */
	readonly text: string;
}

const NLMSGERR_ATTR_MSG = 1;

/** Reads `struct nlmsgerr` with its extended-ack attributes; NLMSG_DONE has the same form without the copy. */
export function decodeAcknowledgement({ type, flags, body }: ReceivedMessage): Acknowledgement {
	const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
	if (body.byteLength < 4) return { errno: 0, text: "" };
	const errno = 0 - view.getInt32(0, true);
	if (!(flags & NLM_F_ACK_TLVS)) return { errno, text: "" };
	let offset = 4;
	if (type === NLMSG_ERROR && body.byteLength >= 4 + headerSize) {
		// A copy of the request follows: its header alone when capped, else all of it.
		offset += flags & NLM_F_CAPPED ? headerSize : (view.getUint32(4, true) + 3) & ~3;
	}
	return { errno, text: read.string(decodeAttributes(body.subarray(offset)).get(NLMSGERR_ATTR_MSG)) ?? "" };
}

import {
	type Attribute,
	createMemory,
	findAttribute,
	read,
	sizeOfAttributes,
	u32,
	wordsOf,
	writeAttributes,
} from "./attributes.ts";

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

/**
 * The bytes of one datagram: each message is padded to 4 bytes. The first has the given sequence number, and every other
 * one that of the message before it and 1.
 */
export function encodeMessages(
	messages: readonly Message[],
	{ sequence, portId }: { sequence: number; portId: number },
): Uint8Array {
	const none: readonly Attribute[] = [];
	let size = 0;
	for (const { header, attributes = none } of messages) {
		size += headerSize + ((header.byteLength + 3) & ~3) + sizeOfAttributes(attributes);
	}
	const memory = createMemory(size);
	const { bytes, words } = memory;
	let start = 0;
	let number = sequence;
	for (const { type, flags = 0, header, attributes = none } of messages) {
		const body = start + headerSize;
		bytes.set(header, body);
		const end = writeAttributes(memory, { attributes, offset: body + ((header.byteLength + 3) & ~3) });
		const word = start >> 2;
		words[word] = end - start;
		words[word + 1] = type | ((NLM_F_REQUEST | flags) << 16);
		words[word + 2] = number++;
		words[word + 3] = portId;
		start = end;
	}
	return bytes;
}

/** The messages of one received datagram. @throws Error when the datagram ends within a message */
export function decodeMessages(datagram: Uint8Array): readonly ReceivedMessage[] {
	const words = wordsOf(datagram);
	const messages: ReceivedMessage[] = [];
	for (let offset = 0; offset < datagram.byteLength; ) {
		const left = datagram.byteLength - offset;
		const at = offset >> 2;
		const length = left < headerSize ? 0 : (words[at] ?? 0);
		if (length < headerSize || length > left) {
			throw new Error(`Cannot read a netlink datagram of ${datagram.byteLength} bytes: it ends within a message`);
		}
		messages.push({
			type: (words[at + 1] ?? 0) & 0xffff,
			flags: (words[at + 1] ?? 0) >>> 16,
			sequence: words[at + 2] ?? 0,
			portId: words[at + 3] ?? 0,
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
	if (body.byteLength < 4) return { errno: 0, text: "" };
	const errno = 0 - (u32(body, 0) | 0);
	if (!(flags & NLM_F_ACK_TLVS)) return { errno, text: "" };
	let offset = 4;
	if (type === NLMSG_ERROR && body.byteLength >= 4 + headerSize) {
		// A copy of the request follows: its header alone when capped, else all of it.
		offset += flags & NLM_F_CAPPED ? headerSize : (u32(body, 4) + 3) & ~3;
	}
	return { errno, text: read.string(findAttribute(body.subarray(offset), NLMSGERR_ATTR_MSG)) ?? "" };
}

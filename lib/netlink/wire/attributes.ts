import { decodeUtf8, encodeUtf8 } from "../../linux/utf8.ts";

/**
 * Netlink attributes: `struct nlattr { u16 length; u16 type; }` and a payload, each padded to 4 bytes. Numbers are
 * little-endian, the byte order of every machine that the suite is built for; what nftables wants in network order says so (Be).
 */

const headerSize = 4;
const nestedFlag = 0x8000;
/** The type proper, without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const typeMask = 0x3fff;

/** An attribute to be sent: the kernel's constant, and its payload. */
export interface Attribute {
	readonly type: number;
	readonly payload: Uint8Array;
}

/** Constructors, one for each form of payload. */
export const attribute = {
	bytes: (type: number, payload: Uint8Array): Attribute => ({ type, payload }),
	flag: (type: number): Attribute => ({ type, payload: new Uint8Array(0) }),
	u8: (type: number, value: number): Attribute => ({ type, payload: new Uint8Array([value]) }),
	u16: (type: number, value: number): Attribute => ({ type, payload: new Uint8Array([value, value >> 8]) }),
	u32(type: number, value: number): Attribute {
		const payload = new Uint8Array(4);
		payload[0] = value;
		payload[1] = value >> 8;
		payload[2] = value >> 16;
		payload[3] = value >> 24;
		return { type, payload };
	},
	u64(type: number, value: bigint): Attribute {
		const payload = new Uint8Array(8);
		new DataView(payload.buffer).setBigUint64(0, value, true);
		return { type, payload };
	},
	u16be: (type: number, value: number): Attribute => ({ type, payload: new Uint8Array([value >> 8, value]) }),
	u32be(type: number, value: number): Attribute {
		const payload = new Uint8Array(4);
		payload[0] = value >> 24;
		payload[1] = value >> 16;
		payload[2] = value >> 8;
		payload[3] = value;
		return { type, payload };
	},
	u64be(type: number, value: bigint): Attribute {
		const payload = new Uint8Array(8);
		new DataView(payload.buffer).setBigUint64(0, value);
		return { type, payload };
	},
	/** NUL-terminated, as the kernel's NLA_NUL_STRING wants it. */
	string: (type: number, text: string): Attribute => ({ type, payload: encodeUtf8(`${text}\0`) }),
	nested: (type: number, attributes: readonly Attribute[]): Attribute => ({
		type: type | nestedFlag,
		payload: encodeAttributes(attributes),
	}),
	/** Nested without NLA_F_NESTED, as older subsystems expect it (and `ip` sends it). */
	nestedPlain: (type: number, attributes: readonly Attribute[]): Attribute => ({
		type,
		payload: encodeAttributes(attributes),
	}),
};

/** The attributes one behind the other, each padded. */
export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
	let size = 0;
	for (const { payload } of attributes) size += (headerSize + payload.byteLength + 3) & ~3;
	const buffer = new Uint8Array(size);
	let offset = 0;
	for (const { type, payload } of attributes) {
		const length = headerSize + payload.byteLength;
		// Cheaper than a DataView, of which every call leaves the language.
		buffer[offset] = length;
		buffer[offset + 1] = length >> 8;
		buffer[offset + 2] = type;
		buffer[offset + 3] = type >> 8;
		buffer.set(payload, offset + headerSize);
		offset += (length + 3) & ~3;
	}
	return buffer;
}

/** Received attributes by type; of a repeated type the last one. */
export interface ReceivedAttributes {
	get(type: number): Uint8Array | undefined;
}

/**
 * Lists whose members share a type are read with {@link decodeAttributeList}. A truncated attribute ends it: the kernel
 * never sends one.
 */
export function decodeAttributes(bytes: Uint8Array): ReceivedAttributes {
	// The kernel tells much more than anyone asks for: a view of a payload is made when it is wanted.
	const places = new Map<number, number>();
	const end = bytes.byteLength;
	// Written out, as everything that is done for each attribute: a call costs more than what it does.
	for (let offset = 0; offset + headerSize <= end; ) {
		const length = (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8);
		if (length < headerSize || offset + length > end) break;
		places.set(((bytes[offset + 2] ?? 0) | ((bytes[offset + 3] ?? 0) << 8)) & typeMask, offset);
		offset += (length + 3) & ~3;
	}
	return {
		get(type) {
			const offset = places.get(type);
			return offset === undefined ? undefined : payloadAt(bytes, offset);
		},
	};
}

/** Received attributes in order. */
export function decodeAttributeList(bytes: Uint8Array): readonly Attribute[] {
	const attributes: Attribute[] = [];
	for (let offset = 0; offset + headerSize <= bytes.byteLength; ) {
		const length = u16(bytes, offset);
		if (length < headerSize || offset + length > bytes.byteLength) break;
		attributes.push({ type: u16(bytes, offset + 2) & typeMask, payload: payloadAt(bytes, offset) });
		offset += (length + 3) & ~3;
	}
	return attributes;
}

function payloadAt(bytes: Uint8Array, offset: number): Uint8Array {
	return bytes.subarray(offset + headerSize, offset + u16(bytes, offset));
}

function u16(bytes: Uint8Array, offset: number): number {
	return (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8);
}

function u32(bytes: Uint8Array): number {
	return ((bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8) | ((bytes[2] ?? 0) << 16) | ((bytes[3] ?? 0) << 24)) >>> 0;
}

function u32be(bytes: Uint8Array): number {
	return (((bytes[0] ?? 0) << 24) | ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)) >>> 0;
}

const none: ReceivedAttributes = { get: () => undefined };

/** Readers of received payloads; undefined when the attribute is absent. */
export const read = {
	u8: (payload: Uint8Array | undefined): number | undefined => payload?.[0],
	u16: (payload: Uint8Array | undefined): number | undefined =>
		payload && payload.byteLength >= 2 ? u16(payload, 0) : undefined,
	u32: (payload: Uint8Array | undefined): number | undefined =>
		payload && payload.byteLength >= 4 ? u32(payload) : undefined,
	u64: (payload: Uint8Array | undefined): bigint | undefined =>
		payload && payload.byteLength >= 8 ? viewOf(payload).getBigUint64(0, true) : undefined,
	u32be: (payload: Uint8Array | undefined): number | undefined =>
		payload && payload.byteLength >= 4 ? u32be(payload) : undefined,
	u64be: (payload: Uint8Array | undefined): bigint | undefined =>
		payload && payload.byteLength >= 8 ? viewOf(payload).getBigUint64(0) : undefined,
	string(payload: Uint8Array | undefined): string | undefined {
		if (payload === undefined) return undefined;
		const end = payload.indexOf(0);
		return decodeUtf8(end < 0 ? payload : payload.subarray(0, end));
	},
	nested: (payload: Uint8Array | undefined): ReceivedAttributes =>
		payload === undefined ? none : decodeAttributes(payload),
};

function viewOf(payload: Uint8Array): DataView {
	return new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
}

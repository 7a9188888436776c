import { decodeUtf8, encodeUtf8 } from "../../linux/utf8.ts";

/**
 * Netlink attributes: `struct nlattr { u16 length; u16 type; }` and a payload, each padded to 4 bytes. Numbers are
 * little-endian, the byte order of every machine that the suite is built for; what nftables wants in network order says so (Be).
 */

const headerSize = 4;
export const nestedFlag = 0x8000;
/** The type proper, without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const typeMask = 0x3fff;

/** An attribute to be sent: the kernel's constant, and one of three forms of payload. */
export type Attribute = PlainAttribute | WordAttribute | NestedAttribute;

export interface PlainAttribute {
	readonly type: number;
	readonly payload: Uint8Array;
	readonly word?: undefined;
	readonly within?: undefined;
}

/** Four bytes, as a number in the machine's order. */
export interface WordAttribute {
	readonly type: number;
	readonly word: number;
	readonly within?: undefined;
}

/** The attributes that the payload consists of. */
export interface NestedAttribute {
	readonly type: number;
	readonly within: readonly Attribute[];
	readonly word?: undefined;
}

/** Constructors, one for each form of payload. */
export const attribute = {
	bytes: (type: number, payload: Uint8Array): PlainAttribute => ({ type, payload }),
	flag: (type: number): PlainAttribute => ({ type, payload: new Uint8Array(0) }),
	u8: (type: number, value: number): PlainAttribute => ({ type, payload: new Uint8Array([value]) }),
	u16: (type: number, value: number): PlainAttribute => ({ type, payload: new Uint8Array([value, value >> 8]) }),
	u32: (type: number, value: number): WordAttribute => ({ type, word: value }),
	u64(type: number, value: bigint): PlainAttribute {
		const payload = new Uint8Array(8);
		new DataView(payload.buffer).setBigUint64(0, value, true);
		return { type, payload };
	},
	u16be: (type: number, value: number): PlainAttribute => ({ type, payload: new Uint8Array([value >> 8, value]) }),
	u32be: (type: number, value: number): WordAttribute => ({
		type,
		word: (value << 24) | ((value & 0xff00) << 8) | ((value >> 8) & 0xff00) | (value >>> 24),
	}),
	u64be(type: number, value: bigint): PlainAttribute {
		const payload = new Uint8Array(8);
		new DataView(payload.buffer).setBigUint64(0, value);
		return { type, payload };
	},
	/** NUL-terminated, as the kernel's NLA_NUL_STRING wants it. */
	string: (type: number, text: string): PlainAttribute => ({ type, payload: encodeUtf8(`${text}\0`) }),
	/** Nested, of what is encoded already. */
	nestedBytes: (type: number, payload: Uint8Array): PlainAttribute => ({ type: type | nestedFlag, payload }),
	nested: (type: number, within: readonly Attribute[]): NestedAttribute => ({ type: type | nestedFlag, within }),
	/** Nested without NLA_F_NESTED, as older subsystems expect it (and `ip` sends it). */
	nestedPlain: (type: number, within: readonly Attribute[]): NestedAttribute => ({ type, within }),
};

/** The attributes one behind the other, each padded. */
export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
	const memory = createMemory(sizeOfAttributes(attributes));
	writeAttributes(memory, { attributes, offset: 0 });
	return memory.bytes;
}

/** Zeros to be written to, by bytes and by words of four: everything in netlink begins at a multiple of four. */
export interface Memory {
	readonly bytes: Uint8Array;
	readonly words: Uint32Array;
}

/** `size` is a multiple of four. */
export function createMemory(size: number): Memory {
	const words = new Uint32Array(size >> 2);
	return { bytes: new Uint8Array(words.buffer), words };
}

/** How many bytes {@link writeAttributes} writes. */
export function sizeOfAttributes(attributes: readonly Attribute[]): number {
	let size = 0;
	// By number, as below: an iterator costs as much as what is done with an attribute.
	for (let index = 0; index < attributes.length; index++) {
		const attribute = attributes[index];
		if (attribute === undefined) continue;
		if (attribute.word !== undefined) size += headerSize + 4;
		else if (attribute.within === undefined) size += headerSize + ((attribute.payload.byteLength + 3) & ~3);
		else size += headerSize + sizeOfAttributes(attribute.within);
	}
	return size;
}

/**
 * Writes what {@link encodeAttributes} gives: each where it will be sent from, and not first into memory of its own,
 * however deep it is nested.
 *
 * @returns the offset behind it
 */
export function writeAttributes(
	memory: Memory,
	{ attributes, offset }: { attributes: readonly Attribute[]; offset: number },
): number {
	const { bytes, words } = memory;
	let start = offset;
	for (let index = 0; index < attributes.length; index++) {
		const attribute = attributes[index];
		if (attribute === undefined) continue;
		const { type, word } = attribute;
		let end = start + headerSize;
		if (word !== undefined) {
			words[end >> 2] = word;
			end += 4;
		} else if (attribute.within === undefined) {
			const { payload } = attribute;
			bytes.set(payload, end);
			end += payload.byteLength;
		} else {
			end = writeAttributes(memory, { attributes: attribute.within, offset: end });
		}
		words[start >> 2] = (end - start) | (type << 16);
		start = (end + 3) & ~3;
	}
	return start;
}

/** Received attributes by type; of a repeated type the last one. */
export interface ReceivedAttributes {
	get(type: number): Uint8Array | undefined;
	/** The same as `read.u32`, `read.u32be` and `read.string` of it, with less to do. */
	u32(type: number): number | undefined;
	u32be(type: number): number | undefined;
	string(type: number): string | undefined;
}

/** Types below this are found by their number; there are hardly others. */
const usualTypes = 64;

/**
 * Lists whose members share a type are read with {@link decodeAttributeList}. A truncated attribute ends it: the kernel
 * never sends one.
 */
export function decodeAttributes(bytes: Uint8Array): ReceivedAttributes {
	// The kernel tells much more than anyone asks for: a view of a payload is made when it is wanted. Where it starts; 0: none.
	const places = new Uint32Array(usualTypes);
	let unusual: Map<number, number> | undefined;
	const words = wordsOf(bytes);
	const end = bytes.byteLength;
	// Written out, as everything that is done for each attribute: a call costs more than what it does.
	for (let offset = 0; offset + headerSize <= end; ) {
		const word = words[offset >> 2] ?? 0;
		const length = word & 0xffff;
		if (length < headerSize || offset + length > end) break;
		const type = (word >>> 16) & typeMask;
		if (type < usualTypes) places[type] = offset + headerSize;
		else {
			unusual ??= new Map();
			unusual.set(type, offset + headerSize);
		}
		offset += (length + 3) & ~3;
	}
	const startOf = (type: number) => (type < usualTypes ? (places[type] ?? 0) : (unusual?.get(type) ?? 0));
	const lengthAt = (start: number) => u16(bytes, start - headerSize) - headerSize;
	return {
		get(type) {
			const start = startOf(type);
			return start === 0 ? undefined : payloadAt(bytes, start - headerSize);
		},
		u32(type) {
			const start = startOf(type);
			return start === 0 || lengthAt(start) < 4 ? undefined : u32(bytes, start);
		},
		u32be(type) {
			const start = startOf(type);
			return start === 0 || lengthAt(start) < 4 ? undefined : u32be(bytes, start);
		},
		string(type) {
			const start = startOf(type);
			if (start === 0) return undefined;
			const limit = start + lengthAt(start);
			let at = start;
			while (at < limit && bytes[at] !== 0) at++;
			return decodeUtf8(bytes.subarray(start, at));
		},
	};
}

/** The same memory by words of four bytes, in which everything begins; what is left behind the last is in none. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
	const { buffer, byteOffset, byteLength } = (bytes.byteOffset & 3) === 0 ? bytes : bytes.slice();
	return new Uint32Array(buffer, byteOffset, byteLength >> 2);
}

/** The payload of the first attribute of the type, for whoever wants to know no other; undefined when there is none. */
export function findAttribute(bytes: Uint8Array, wanted: number): Uint8Array | undefined {
	const end = bytes.byteLength;
	for (let offset = 0; offset + headerSize <= end; ) {
		const length = (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8);
		if (length < headerSize || offset + length > end) break;
		const type = ((bytes[offset + 2] ?? 0) | ((bytes[offset + 3] ?? 0) << 8)) & typeMask;
		if (type === wanted) return payloadAt(bytes, offset);
		offset += (length + 3) & ~3;
	}
	return undefined;
}

/** Received attributes in order. */
export function decodeAttributeList(bytes: Uint8Array): readonly PlainAttribute[] {
	const attributes: PlainAttribute[] = [];
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

/** In the machine's order. */
export function u32(bytes: Uint8Array, at: number): number {
	return (
		((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
	);
}

function u32be(bytes: Uint8Array, at: number): number {
	return (
		(((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
	);
}

const nothing = () => undefined;
const none: ReceivedAttributes = { get: nothing, u32: nothing, u32be: nothing, string: nothing };

/** Readers of received payloads; undefined when the attribute is absent. */
export const read = {
	u8: (payload: Uint8Array | undefined): number | undefined => payload?.[0],
	u16: (payload: Uint8Array | undefined): number | undefined =>
		payload && payload.byteLength >= 2 ? u16(payload, 0) : undefined,
	u32: (payload: Uint8Array | undefined): number | undefined =>
		payload && payload.byteLength >= 4 ? u32(payload, 0) : undefined,
	u64: (payload: Uint8Array | undefined): bigint | undefined =>
		payload && payload.byteLength >= 8 ? viewOf(payload).getBigUint64(0, true) : undefined,
	u32be: (payload: Uint8Array | undefined): number | undefined =>
		payload && payload.byteLength >= 4 ? u32be(payload, 0) : undefined,
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

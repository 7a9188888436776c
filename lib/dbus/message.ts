import { decodeUtf8, encodeUtf8 } from "../linux/utf8.ts";

/**
 * Messages of D-Bus, as far as calls with strings go: https://dbus.freedesktop.org/doc/dbus-specification.html, sections
 * "Message Protocol" and "Marshaling". Little-endian throughout, which the first byte says.
 */

/** What is called: `busctl call DESTINATION PATH INTERFACE MEMBER s…` */
export interface Method {
	readonly destination: string;
	readonly path: string;
	readonly interface: string;
	readonly member: string;
}

/** An answer: what a method returned, or an error. */
export interface Reply {
	/** Of the call that is answered; 0 for a message that answers none. */
	readonly serial: number;
	/** Of an error: `org.freedesktop.DBus.Error.ServiceUnknown`. */
	readonly errorName: string | undefined;
	/** The first value, where it is a string or a boolean. */
	readonly value: string | boolean | undefined;
}

const littleEndian = 0x6c;
const methodCall = 1;
const methodReturn = 2;
const error = 3;
/** The service is not to be started for the call. */
const noAutoStart = 2;

/** Header fields. */
const field = { path: 1, interface: 2, member: 3, errorName: 4, replySerial: 5, destination: 6, signature: 8 } as const;

/** What is known of a message before all of it has arrived: the length of everything. */
const fixedHeader = 16;

/** A call, whose arguments are strings without NUL. */
export function encodeCall(method: Method, { serial, args }: { serial: number; args: readonly string[] }): Uint8Array {
	const body = new Writer();
	for (const arg of args) body.string(arg);
	const fields = new Writer();
	fields.stringField(field.path, { type: "o", text: method.path });
	fields.stringField(field.interface, { type: "s", text: method.interface });
	fields.stringField(field.member, { type: "s", text: method.member });
	fields.stringField(field.destination, { type: "s", text: method.destination });
	if (args.length > 0) fields.signatureField("s".repeat(args.length));
	const message = new Writer();
	message.bytes([littleEndian, methodCall, noAutoStart, 1]);
	message.u32(body.length);
	message.u32(serial);
	message.u32(fields.length);
	message.bytes(fields.take());
	message.align(8);
	message.bytes(body.take());
	return message.take();
}

/** The length of the message that the bytes begin with; undefined when they are too few to tell. */
export function messageLength(bytes: Uint8Array): number | undefined {
	if (bytes.byteLength < fixedHeader) return undefined;
	const view = viewOf(bytes);
	if (bytes[0] !== littleEndian) throw new Error("the bus answers in another byte order");
	return align(fixedHeader + view.getUint32(12, true), 8) + view.getUint32(4, true);
}

/** Reads one whole message. */
export function decodeReply(bytes: Uint8Array): Reply {
	const reader = new Reader(bytes);
	const type = bytes[1];
	const fieldsEnd = fixedHeader + viewOf(bytes).getUint32(12, true);
	let serial = 0;
	let errorName: string | undefined;
	let signature = "";
	reader.offset = fixedHeader;
	while (reader.offset < fieldsEnd) {
		reader.align(8);
		const code = reader.u8();
		const kind = reader.signature();
		if (kind === "u") {
			const value = reader.u32();
			if (code === field.replySerial) serial = value;
		} else if (kind === "g") {
			const value = reader.signature();
			if (code === field.signature) signature = value;
		} else if (kind === "s" || kind === "o") {
			const value = reader.string();
			if (code === field.errorName) errorName = value;
		} else break;
	}
	if (type !== methodReturn && type !== error) return { serial: 0, errorName: undefined, value: undefined };
	reader.offset = align(fieldsEnd, 8);
	const value = signature[0] === "s" ? reader.string() : signature[0] === "b" ? reader.u32() !== 0 : undefined;
	return { serial, errorName: type === error ? (errorName ?? "") : undefined, value };
}

class Writer {
	readonly #bytes: number[] = [];

	get length(): number {
		return this.#bytes.length;
	}

	take(): Uint8Array {
		return new Uint8Array(this.#bytes);
	}

	bytes(bytes: ArrayLike<number>): void {
		for (let index = 0; index < bytes.length; index++) this.#bytes.push(bytes[index] ?? 0);
	}

	align(boundary: number): void {
		while (this.#bytes.length % boundary !== 0) this.#bytes.push(0);
	}

	u32(value: number): void {
		this.align(4);
		this.bytes([value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24]);
	}

	string(text: string): void {
		const bytes = encodeUtf8(text);
		this.u32(bytes.byteLength);
		this.bytes(bytes);
		this.bytes([0]);
	}

	signature(text: string): void {
		this.bytes([text.length]);
		this.bytes(encodeUtf8(text));
		this.bytes([0]);
	}

	/** `(yv)` with a string; fields begin where the array does, on a boundary of 8. */
	stringField(code: number, { type, text }: { type: "o" | "s"; text: string }): void {
		this.align(8);
		this.bytes([code]);
		this.signature(type);
		this.string(text);
	}

	signatureField(text: string): void {
		this.align(8);
		this.bytes([field.signature]);
		this.signature("g");
		this.signature(text);
	}
}

class Reader {
	offset = 0;
	readonly #bytes: Uint8Array;
	readonly #view: DataView;

	constructor(bytes: Uint8Array) {
		this.#bytes = bytes;
		this.#view = viewOf(bytes);
	}

	align(boundary: number): void {
		this.offset = align(this.offset, boundary);
	}

	u8(): number {
		return this.#view.getUint8(this.offset++);
	}

	u32(): number {
		this.align(4);
		this.offset += 4;
		return this.#view.getUint32(this.offset - 4, true);
	}

	string(): string {
		return this.#text(this.u32());
	}

	signature(): string {
		return this.#text(this.u8());
	}

	#text(length: number): string {
		const text = decodeUtf8(this.#bytes.subarray(this.offset, this.offset + length));
		this.offset += length + 1;
		return text;
	}
}

function align(offset: number, boundary: number): number {
	return Math.ceil(offset / boundary) * boundary;
}

function viewOf(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

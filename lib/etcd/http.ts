import { concatBytes } from "../linux/bytes.ts";
import type { Stream } from "../linux/stream.ts";
import { decodeUtf8, encodeUtf8 } from "../linux/utf8.ts";

export interface HttpRequest {
	readonly path: string;
	/** The field Host. */
	readonly authority: string;
	readonly headers: Readonly<Record<string, string>>;
	/** JSON. */
	readonly body: string;
}

export interface HttpResponse {
	readonly status: number;
	readonly body: string;
}

/** An answer, and whether the connection can be used again. */
export interface HttpExchange extends HttpResponse {
	readonly reusable: boolean;
}

/** More than any answer that we ask for: pages of keys. */
const longestAnswer = 64 * 1024 * 1024;

/**
 * POSTs a request over a connection and waits for its answer: HTTP/1.1 as far as etcd speaks it. RFC 9112
 *
 * @throws SystemError when the connection breaks or `deadline` passes, Error for what is no HTTP
 */
export function exchange(stream: Stream, request: HttpRequest, deadline: number): HttpExchange {
	stream.send(encodeRequest(request), deadline);
	const incoming = createIncoming(stream, deadline);
	for (;;) {
		const head = readHead(incoming);
		// An interim answer, of which there may be any number.
		if (head.status >= 100 && head.status < 200) continue;
		const bytes = readBody(incoming, head);
		return { status: head.status, body: decodeUtf8(bytes), reusable: head.ends !== "close" && !head.closes };
	}
}

function encodeRequest({ path, authority, headers, body }: HttpRequest): Uint8Array {
	const bytes = encodeUtf8(body);
	const fields = {
		Host: authority,
		"Content-Type": "application/json",
		"Content-Length": String(bytes.byteLength),
		...headers,
	};
	const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
	return concatBytes([encodeUtf8(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n`), bytes]);
}

interface Head {
	readonly status: number;
	/** How the body ends: after so many bytes, with an empty chunk, or with the connection. */
	readonly ends: number | "chunk" | "close";
	readonly closes: boolean;
}

function readHead(incoming: Incoming): Head {
	const first = incoming.line();
	const status = /^HTTP\/1\.[01] (\d{3})( |$)/.exec(first)?.[1];
	if (status === undefined) throw new Error("the answer is no HTTP/1.1");
	let ends: Head["ends"] = "close";
	let closes = first.startsWith("HTTP/1.0");
	for (let line = incoming.line(); line !== ""; line = incoming.line()) {
		const colon = line.indexOf(":");
		const value = line
			.slice(colon + 1)
			.trim()
			.toLowerCase();
		switch (line.slice(0, colon).toLowerCase()) {
			case "content-length":
				if (ends !== "chunk") ends = parseLength(value, 10);
				break;
			case "transfer-encoding":
				if (value !== "chunked") throw new Error(`the answer has the transfer encoding "${value}"`);
				ends = "chunk";
				break;
			case "connection":
				closes ||= value === "close";
				break;
		}
	}
	return { status: Number(status), ends, closes };
}

function readBody(incoming: Incoming, { ends }: Head): Uint8Array {
	if (ends === "close") return incoming.rest();
	if (ends !== "chunk") return incoming.bytes(ends);
	const chunks: Uint8Array[] = [];
	for (;;) {
		const size = parseLength(incoming.line().split(";", 1)[0]?.trim() ?? "", 16);
		if (size === 0) break;
		chunks.push(incoming.bytes(size));
		incoming.line();
	}
	// Trailers, up to the empty line.
	while (incoming.line() !== "");
	return concatBytes(chunks);
}

function parseLength(text: string, radix: 10 | 16): number {
	const length = (radix === 10 ? /^\d{1,10}$/ : /^[0-9a-f]{1,8}$/i).test(text) ? Number.parseInt(text, radix) : -1;
	if (length < 0 || length > longestAnswer) throw new Error(`the answer has the length "${text}"`);
	return length;
}

/** What has been received and not yet been taken. */
interface Incoming {
	/** Up to the next line feed, without it and the carriage return before it. */
	line(): string;
	bytes(length: number): Uint8Array;
	/** Everything until the other side closes. */
	rest(): Uint8Array;
}

const lineFeed = 0x0a;

function createIncoming(stream: Stream, deadline: number): Incoming {
	let buffer = new Uint8Array(16 * 1024);
	let start = 0;
	let end = 0;
	const more = (): boolean => {
		if (end === buffer.byteLength) {
			if (end - start > longestAnswer) throw new Error("the answer has no end");
			const larger = new Uint8Array(2 * (end - start) + 16 * 1024);
			larger.set(buffer.subarray(start, end));
			buffer = larger;
			end -= start;
			start = 0;
		}
		const count = stream.receive(buffer.subarray(end), deadline);
		end += count;
		return count > 0;
	};
	const need = () => {
		if (!more()) throw new ConnectionClosed(end > 0);
	};
	const take = (length: number) => {
		const taken = buffer.slice(start, start + length);
		start += length;
		return taken;
	};
	return {
		line() {
			for (let from = start; ; ) {
				const at = buffer.subarray(0, end).indexOf(lineFeed, from);
				if (at >= 0) return decodeUtf8(take(at + 1 - start)).trimEnd();
				const seen = end - start;
				need();
				from = start + seen;
			}
		},
		bytes(length) {
			while (end - start < length) need();
			return take(length);
		},
		rest() {
			while (more());
			return take(end - start);
		},
	};
}

/** The other side has closed the connection before the end of its answer. */
export class ConnectionClosed extends Error {
	override readonly name = "ConnectionClosed";
	/** Something of the answer has come. */
	readonly answered: boolean;

	constructor(answered: boolean) {
		super("the connection was closed");
		this.answered = answered;
	}
}

import { concatBytes } from "../linux/bytes.ts";
import type { Stream } from "../linux/stream.ts";
import { decodeUtf8, encodeUtf8 } from "../linux/utf8.ts";
import { type Answer, createAnswer } from "./answer.ts";
import { createIncoming } from "./incoming.ts";

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

/** More than any answer that is asked for in one go: pages of keys. */
const longestAnswer = 64 * 1024 * 1024;

/**
 * POSTs a request over a connection and waits for its answer, whole. RFC 9112
 *
 * @throws SystemError when the connection breaks or `deadline` passes, Error for what is no HTTP
 */
export function exchange(stream: Stream, request: HttpRequest, deadline: number): HttpExchange {
	stream.send(encodeRequest(request), deadline);
	const answer = createAnswer(createIncoming(stream));
	const { status, reusable, ends } = answer.head(deadline);
	if (typeof ends === "number" && ends > longestAnswer) throw new Error(`the answer has the length ${ends}`);
	return { status, body: wholeBody(answer, longestAnswer)(deadline), reusable };
}

export function encodeRequest({ path, authority, headers, body }: HttpRequest): Uint8Array {
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

/** Reads a body to its end. Who runs into a deadline may ask again, and loses nothing. */
export function wholeBody(answer: Answer, longest: number): (deadline: number) => string {
	const pieces: Uint8Array[] = [];
	let length = 0;
	return (deadline) => {
		for (;;) {
			const piece = answer.piece(deadline);
			if (piece === undefined) return decodeUtf8(concatBytes(pieces));
			length += piece.byteLength;
			if (length > longest) throw new Error(`the answer has more than ${longest} bytes`);
			pieces.push(piece);
		}
	};
}

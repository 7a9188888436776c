import { ConnectionClosed, type Incoming } from "./incoming.ts";

/**
 * The answer to a request, part by part: a head, then the body in the pieces in which it comes. Who runs into a deadline
 * may ask the same again. RFC 9112
 */
export interface Answer {
	/** @throws ConnectionClosed, SystemError when the deadline passes, Error for what is no HTTP */
	head(deadline: number): Head;
	/** The next bytes of the body, undefined at its end. @throws as for the head, which has been asked for before */
	piece(deadline: number): Uint8Array | undefined;
}

export interface Head {
	readonly status: number;
	/** By their names in lower case; of several of one name the last. */
	readonly fields: ReadonlyMap<string, string>;
	/** How the body ends: after so many bytes, with an empty chunk, or with the connection. */
	readonly ends: number | "chunk" | "close";
	/** Another request can follow over this connection. */
	readonly reusable: boolean;
}

const mostLines = 200;

/** At most so much is asked of the connection at once. */
const largestPiece = 1024 * 1024;

export function createAnswer(incoming: Incoming): Answer {
	let lines: string[] = [];
	let head: Head | undefined;
	let body: (deadline: number) => Uint8Array | undefined = () => undefined;
	return {
		head(deadline) {
			while (head === undefined) {
				const line = incoming.line(deadline);
				if (line !== "" || lines.length === 0) {
					if (lines.push(line) > mostLines) throw new Error("the answer has too many fields");
					if (lines.length === 1) statusOf(line);
					continue;
				}
				const read = parseHead(lines);
				lines = [];
				// An interim answer, of which there may be any number.
				if (read.status >= 100 && read.status < 200) continue;
				head = read;
				body = bodyOf(incoming, head.ends);
			}
			return head;
		},
		piece: (deadline) => body(deadline),
	};
}

function parseHead([first = "", ...lines]: readonly string[]): Head {
	const fields = new Map<string, string>();
	for (const line of lines) {
		const colon = line.indexOf(":");
		fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
	}
	const ends = endOf(fields);
	const closes = first.startsWith("HTTP/1.0") || fields.get("connection")?.toLowerCase() === "close";
	return { status: statusOf(first), fields, ends, reusable: ends !== "close" && !closes };
}

function statusOf(line: string): number {
	const status = /^HTTP\/1\.[01] (\d{3})( |$)/.exec(line)?.[1];
	if (status === undefined) throw new Error("the answer is no HTTP/1.1");
	return Number(status);
}

function endOf(fields: ReadonlyMap<string, string>): Head["ends"] {
	const encoding = fields.get("transfer-encoding")?.toLowerCase();
	if (encoding === "chunked") return "chunk";
	if (encoding !== undefined) throw new Error(`the answer has the transfer encoding "${encoding}"`);
	const length = fields.get("content-length");
	return length === undefined ? "close" : parseLength(length, 10);
}

function bodyOf(incoming: Incoming, ends: Head["ends"]): (deadline: number) => Uint8Array | undefined {
	if (ends === "chunk") return chunksOf(incoming);
	if (ends === "close") {
		return (deadline) => {
			const bytes = incoming.some(largestPiece, deadline);
			return bytes.byteLength === 0 ? undefined : bytes;
		};
	}
	return partOf(incoming, ends);
}

/** So many bytes, then undefined. */
function partOf(incoming: Incoming, length: number): (deadline: number) => Uint8Array | undefined {
	let left = length;
	return (deadline) => {
		if (left === 0) return undefined;
		const bytes = incoming.some(Math.min(left, largestPiece), deadline);
		if (bytes.byteLength === 0) throw new ConnectionClosed(true);
		left -= bytes.byteLength;
		return bytes;
	};
}

function chunksOf(incoming: Incoming): (deadline: number) => Uint8Array | undefined {
	let next: "size" | "bytes" | "end of chunk" | "trailers" | "nothing" = "size";
	let chunk: ReturnType<typeof partOf> = () => undefined;
	return (deadline) => {
		for (;;) {
			switch (next) {
				case "size": {
					const size = parseLength(incoming.line(deadline).split(";", 1)[0]?.trim() ?? "", 16);
					chunk = partOf(incoming, size);
					next = size === 0 ? "trailers" : "bytes";
					break;
				}
				case "bytes": {
					const bytes = chunk(deadline);
					if (bytes !== undefined) return bytes;
					next = "end of chunk";
					break;
				}
				case "end of chunk":
					if (incoming.line(deadline) !== "") throw new Error("the answer has a chunk that is longer than it says");
					next = "size";
					break;
				case "trailers":
					if (incoming.line(deadline) === "") next = "nothing";
					break;
				case "nothing":
					return undefined;
			}
		}
	};
}

function parseLength(text: string, radix: 10 | 16): number {
	const isLength = (radix === 10 ? /^\d{1,10}$/ : /^[0-9a-f]{1,8}$/i).test(text);
	if (!isLength) throw new Error(`the answer has the length "${text}"`);
	return Number.parseInt(text, radix);
}

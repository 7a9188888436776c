import type { Stream } from "../linux/stream.ts";
import { decodeUtf8 } from "../linux/utf8.ts";

/**
 * What has been received over a connection and not yet been taken. Who runs into a deadline has taken nothing, and may
 * ask the same again.
 */
export interface Incoming {
	/** Up to the next line feed, without it and the carriage return before it. @throws ConnectionClosed */
	line(deadline: number): string;
	/** What there is, at most so many bytes; none when the other side has closed. */
	some(most: number, deadline: number): Uint8Array;
}

/** Longer than any field that has a purpose. */
const longestLine = 64 * 1024;

const lineFeed = 0x0a;

export function createIncoming(stream: Stream): Incoming {
	let buffer = new Uint8Array(16 * 1024);
	let start = 0;
	let end = 0;
	let answered = false;
	const more = (deadline: number): boolean => {
		if (start === end) {
			start = 0;
			end = 0;
		}
		if (end === buffer.byteLength) {
			const larger = new Uint8Array(2 * (end - start) + 16 * 1024);
			larger.set(buffer.subarray(start, end));
			buffer = larger;
			end -= start;
			start = 0;
		}
		const count = stream.receive(buffer.subarray(end), deadline);
		end += count;
		answered ||= count > 0;
		return count > 0;
	};
	const take = (length: number) => {
		const taken = buffer.slice(start, start + length);
		start += length;
		return taken;
	};
	return {
		line(deadline) {
			for (let from = start; ; ) {
				const at = buffer.subarray(0, end).indexOf(lineFeed, from);
				if (at >= 0) return decodeUtf8(take(at + 1 - start)).trimEnd();
				const seen = end - start;
				if (seen > longestLine) throw new Error("the answer has a line without an end");
				if (!more(deadline)) throw new ConnectionClosed(answered);
				from = start + seen;
			}
		},
		some(most, deadline) {
			if (start === end) more(deadline);
			return take(Math.min(most, end - start));
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

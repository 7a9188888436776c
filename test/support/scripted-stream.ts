import { Errno, SystemError } from "../../lib/linux/errno.ts";
import type { Stream } from "../../lib/linux/stream.ts";

/**
 * A connection without another side: what it would say is given in parts, each of which comes at once, and then it closes.
 * For `pause` a deadline passes instead.
 */
export interface ScriptedStream extends Stream {
	/** What was sent over it. */
	readonly sent: string[];
	readonly closed: boolean;
}

export const pause = Symbol("pause");

export function scriptedStream(parts: Iterable<string | Uint8Array | typeof pause>): ScriptedStream {
	const script = parts[Symbol.iterator]();
	const sent: string[] = [];
	let rest: Uint8Array = new Uint8Array(0);
	let closed = false;
	return {
		sent,
		get closed() {
			return closed;
		},
		send: (data) => void sent.push(Buffer.from(data).toString()),
		receive(buffer) {
			if (rest.byteLength === 0) {
				const { done, value } = script.next();
				if (done === true) return 0;
				if (value === pause) throw new SystemError("wait for the other side", Errno.ETIMEDOUT);
				rest = Buffer.from(value);
			}
			const part = rest.subarray(0, buffer.byteLength);
			buffer.set(part);
			rest = rest.subarray(part.byteLength);
			return part.byteLength;
		},
		[Symbol.dispose]() {
			closed = true;
		},
	};
}

/** The text in parts of so many bytes, and a pause before each of them where that is wanted. */
export function* inParts(
	text: string,
	size: number,
	{ pausing = false }: { pausing?: boolean } = {},
): Generator<Uint8Array | typeof pause> {
	const bytes = Buffer.from(text);
	for (let at = 0; at < bytes.byteLength; at += size) {
		if (pausing) yield pause;
		yield bytes.subarray(at, at + size);
	}
}

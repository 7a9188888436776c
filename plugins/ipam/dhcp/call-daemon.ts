import { createDecoder } from "../../../lib/gob/decoder.ts";
import { createEncoder } from "../../../lib/gob/encoder.ts";
import type { GobObject } from "../../../lib/gob/types.ts";
import { concatBytes } from "../../../lib/linux/bytes.ts";
import { writeAll } from "../../../lib/linux/files.ts";
import { close, receive, setReceiveTimeout } from "../../../lib/linux/libc.ts";
import { connectUnix } from "../../../lib/linux/unix-socket.ts";
import { decodeUtf8, encodeUtf8 } from "../../../lib/linux/utf8.ts";
import { callArguments, greeting, type Method, requestHeader, textOf, welcome } from "./wire.ts";

/** What the daemon has answered instead of what it was asked for. */
export class DaemonError extends Error {
	override readonly name = "DaemonError";
	/** The daemon has no such call: it is the reference's. */
	readonly unknownMethod: boolean;

	constructor(message: string) {
		super(message);
		this.unknownMethod = message.startsWith("rpc: can't find ");
	}
}

export interface DaemonCall {
	readonly method: Method;
	/** The fields of `callArguments`. */
	readonly args: GobObject;
	/** How long to wait for each part of the answer. */
	readonly timeoutMs: number;
}

/**
 * Calls the daemon that listens at `socketPath`, and returns its answer.
 *
 * @throws SystemError when nobody listens there, or no answer comes; DaemonError for an error of the daemon
 */
export function callDaemon(socketPath: string, { method, args, timeoutMs }: DaemonCall): GobObject {
	const fd = connectUnix(socketPath);
	try {
		setReceiveTimeout(fd, timeoutMs);
		// Go drops what comes with the greeting: it has to be waited for.
		writeAll(fd, greeting);
		expectWelcome(fd);
		const encoder = createEncoder();
		const header = encoder.encode(requestHeader, { ServiceMethod: method, Seq: 0 });
		writeAll(fd, concatBytes([header, encoder.encode(callArguments, args)]));
		return receiveAnswer(fd);
	} finally {
		close(fd);
	}
}

function expectWelcome(fd: number): void {
	const expected = encodeUtf8(welcome);
	let text = "";
	// Byte by byte where the answer is another one; what follows it is not read.
	while (text.length < expected.byteLength && !text.endsWith("\n\n")) {
		const buffer = new Uint8Array(expected.byteLength - text.length);
		text += decodeUtf8(buffer.subarray(0, receiveSome(fd, buffer)));
	}
	if (!text.startsWith("HTTP/1.0 200 Connected to Go RPC\n")) {
		throw new DaemonError(`unexpected HTTP response: ${text.split("\n")[0]}`);
	}
}

function receiveAnswer(fd: number): GobObject {
	const decoder = createDecoder();
	const buffer = new Uint8Array(16 * 1024);
	const next = () => {
		for (;;) {
			const value = decoder.next();
			if (value !== undefined) return value;
			decoder.push(buffer.slice(0, receiveSome(fd, buffer)));
		}
	};
	const error = textOf(next(), "Error");
	// It is followed by an empty answer, which need not be waited for.
	if (error !== "") throw new DaemonError(error);
	return next();
}

function receiveSome(fd: number, buffer: Uint8Array): number {
	const length = receive(fd, { buffer });
	if (length === 0) throw new DaemonError("the daemon has closed the connection");
	return length;
}

import { createDecoder } from "../../../../lib/gob/decoder.ts";
import { createEncoder } from "../../../../lib/gob/encoder.ts";
import { GobError, type GobObject } from "../../../../lib/gob/types.ts";
import { concatBytes } from "../../../../lib/linux/bytes.ts";
import { Errno, errnoOf } from "../../../../lib/linux/errno.ts";
import { close, receive, write } from "../../../../lib/linux/libc.ts";
import { decodeUtf8, encodeUtf8 } from "../../../../lib/linux/utf8.ts";
import { nothing, responseHeader, textOf, welcome } from "../wire.ts";
import type { EventLoop } from "./event-loop.ts";
import type { Caller, Reply, Service } from "./service.ts";

/** The head of a request of HTTP is no longer. */
const longestHead = 4096;

/** Serves one connection until the other side closes it, or says what it should not. */
export function serveConnection(fd: number, { loop, service }: { loop: EventLoop; service: Service }): void {
	const decoder = createDecoder();
	const encoder = createEncoder();
	const abandon = new Set<() => void>();
	let head: string | undefined = "";
	let header: GobObject | undefined;
	let open = true;

	const end = () => {
		if (!open) return;
		open = false;
		loop.forget(fd);
		close(fd);
		for (const action of abandon) action();
	};
	/** A caller that does not read what it has asked for is let go: waiting for it would keep all others. */
	const send = (bytes: Uint8Array) => {
		try {
			if (!open || write(fd, bytes) === bytes.byteLength) return;
		} catch (thrown) {
			if (errnoOf(thrown) === 0) throw thrown;
		}
		end();
	};
	const respond = (request: GobObject, { error = "", reply }: { error?: string; reply: Reply }) => {
		const answered = { ServiceMethod: request.ServiceMethod ?? "", Seq: request.Seq ?? 0, Error: error };
		// The type is not known to the other side before: the empty answer of an error, too, is told.
		send(concatBytes([encoder.encode(responseHeader, answered), encoder.encode(reply.type, reply.value)]));
	};
	const call = (request: GobObject, args: GobObject) => {
		const caller: Caller = {
			answer: (reply) => respond(request, { reply }),
			refuse: (error) => respond(request, { error, reply: { type: nothing, value: {} } }),
		};
		abandon.add(service.serve(textOf(request, "ServiceMethod"), args, caller));
	};
	const hear = (bytes: Uint8Array) => {
		decoder.push(bytes);
		for (let value = decoder.next(); open && value !== undefined; value = decoder.next()) {
			if (header === undefined) header = value;
			else {
				const request = header;
				header = undefined;
				call(request, value);
			}
		}
	};
	/** HTTP's CONNECT, after which the connection is the caller's. */
	const greet = (bytes: Uint8Array) => {
		const text = (head ?? "") + decodeUtf8(bytes);
		const lineEnds = text.replaceAll("\r\n", "\n");
		if (!lineEnds.includes("\n\n")) {
			head = text;
			if (text.length > longestHead) end();
			return;
		}
		head = undefined;
		const refusal = refusalOf(lineEnds);
		send(encodeUtf8(refusal ?? welcome));
		if (refusal !== undefined) end();
	};
	loop.watch(fd, () => {
		const buffer = new Uint8Array(64 * 1024);
		try {
			const length = receive(fd, { buffer });
			const bytes = buffer.subarray(0, length);
			if (length === 0) end();
			else if (head === undefined) hear(bytes);
			else greet(bytes);
		} catch (thrown) {
			if (errnoOf(thrown) === Errno.EAGAIN) return;
			end();
			if (!(thrown instanceof GobError) && errnoOf(thrown) === 0) throw thrown;
		}
	});
}

function refusalOf(head: string): string | undefined {
	const [method, path] = head.split(" ");
	if (path !== "/_goRPC_") return "HTTP/1.0 404 Not Found\n\n";
	return method === "CONNECT"
		? undefined
		: "HTTP/1.0 405 Method Not Allowed\nContent-Type: text/plain; charset=utf-8\n\n405 must CONNECT\n";
}

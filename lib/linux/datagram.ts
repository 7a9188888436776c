import type { IpAddress } from "../ip/address.ts";
import { close, connect, receive, SOCK_DGRAM, SOCK_NONBLOCK, send, socket } from "./libc.ts";
import { POLLIN } from "./poll.ts";
import { domainOf, internetAddress } from "./sockaddr.ts";
import { awaitReady } from "./stream-socket.ts";

/**
 * Sends a datagram by UDP and returns the first one from there that `accept` takes for its answer.
 *
 * @throws SystemError ETIMEDOUT when the deadline, a time of `performance.now()`, comes first
 */
export function askByDatagram<T>(
	{ address, port, deadline }: { address: IpAddress; port: number; deadline: number },
	{ question, accept }: { question: Uint8Array; accept: (answer: Uint8Array) => T | undefined },
): T {
	const fd = socket(domainOf(address), { type: SOCK_DGRAM | SOCK_NONBLOCK, protocol: 0 });
	try {
		connect(fd, internetAddress(address, port));
		send(fd, { data: question });
		const buffer = new Uint8Array(4096);
		for (;;) {
			awaitReady(fd, { events: POLLIN, deadline });
			const accepted = accept(buffer.subarray(0, receive(fd, { buffer })));
			if (accepted !== undefined) return accepted;
		}
	} finally {
		close(fd);
	}
}

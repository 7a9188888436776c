import { Errno } from "../../linux/errno.ts";
import { NetlinkError } from "../wire/error.ts";
import { decodeAcknowledgement, type Message, NLMSG_ERROR, type ReceivedMessage } from "../wire/message.ts";
import type { NetlinkSocket } from "../wire/socket.ts";

/** Answers come as fast as requests are taken: so many fit into the smallest buffer that a socket has by default. */
const atOnce = 32;

/**
 * Sends requests for one thing each, many in one system call.
 *
 * @returns the answer, or undefined where there is no such thing (ENOENT), for each request
 * @throws NetlinkError
 */
export function findEach(
	socket: NetlinkSocket,
	requests: readonly Message[],
): readonly (ReceivedMessage | undefined)[] {
	const found: (ReceivedMessage | undefined)[] = [];
	for (let start = 0; start < requests.length; start += atOnce) {
		found.push(...findAtOnce(socket, requests.slice(start, start + atOnce)));
	}
	return found;
}

function findAtOnce(socket: NetlinkSocket, requests: readonly Message[]): readonly (ReceivedMessage | undefined)[] {
	const found = new Array<ReceivedMessage | undefined>(requests.length);
	// Each request has one answer: the thing or an error.
	for (const { index, message } of socket.exchange(requests, (answer) => answer.index === requests.length - 1)) {
		if (message.type !== NLMSG_ERROR) {
			found[index] = message;
			continue;
		}
		const { errno, text } = decodeAcknowledgement(message);
		if (errno !== Errno.ENOENT) throw new NetlinkError(errno, text);
	}
	return found;
}

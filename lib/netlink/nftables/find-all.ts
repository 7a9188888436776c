import { Errno } from "../../linux/errno.ts";
import { NetlinkError } from "../wire/error.ts";
import { decodeAcknowledgement, type Message, NLMSG_ERROR, type ReceivedMessage } from "../wire/message.ts";
import type { NetlinkSocket } from "../wire/socket.ts";

/** Answers come as fast as requests are taken: so many fit into the smallest buffer that a socket has by default. */
const atOnce = 32;

/**
 * Asks for one object with each message, many in one system call.
 *
 * @returns the object, or undefined where the kernel has none (ENOENT), for each message
 * @throws NetlinkError
 */
export function findAll(socket: NetlinkSocket, messages: readonly Message[]): readonly (ReceivedMessage | undefined)[] {
	const found: (ReceivedMessage | undefined)[] = [];
	for (let start = 0; start < messages.length; start += atOnce) {
		found.push(...findSome(socket, messages.slice(start, start + atOnce)));
	}
	return found;
}

function findSome(socket: NetlinkSocket, messages: readonly Message[]): readonly (ReceivedMessage | undefined)[] {
	const found = new Array<ReceivedMessage | undefined>(messages.length);
	// Each request has one answer: the object or an error.
	for (const { index, message } of socket.exchange(messages, (answer) => answer.index === messages.length - 1)) {
		if (message.type !== NLMSG_ERROR) {
			found[index] = message;
			continue;
		}
		const { errno, text } = decodeAcknowledgement(message);
		if (errno !== Errno.ENOENT) throw new NetlinkError(errno, text);
	}
	return found;
}

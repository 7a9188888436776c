import { Errno } from "../../linux/errno.ts";
import { NetlinkError } from "../wire/error.ts";
import type { Message, ReceivedMessage } from "../wire/message.ts";
import type { NetlinkSocket } from "../wire/socket.ts";

/** What the dump yields; nothing when that which it asks about does not exist. @throws NetlinkError */
export function dumpIfThere(socket: NetlinkSocket, message: Message): readonly ReceivedMessage[] {
	try {
		return socket.dump(message);
	} catch (thrown) {
		if (thrown instanceof NetlinkError && thrown.errno === Errno.ENOENT) return [];
		throw thrown;
	}
}

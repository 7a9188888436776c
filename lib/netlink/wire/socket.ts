import { closeInBackground } from "../../linux/close-in-background.ts";
import { Errno, errnoOf, SystemError } from "../../linux/errno.ts";
import {
	AF_NETLINK,
	bind,
	close,
	getsockname,
	MSG_TRUNC,
	receive,
	SOCK_RAW,
	send,
	setsockoptInt,
	socket,
} from "../../linux/libc.ts";
import { createConversation, type NetlinkSocket, type Transport } from "./conversation.ts";

export type { Answer, NetlinkSocket } from "./conversation.ts";

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;

/** Opens a socket of the given netlink family in the thread's current namespace. @throws SystemError */
export function openNetlinkSocket(protocol: number): NetlinkSocket {
	const fd = socket(AF_NETLINK, { type: SOCK_RAW, protocol });
	try {
		for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) enable(fd, option);
		bind(fd, sockaddr());
		const name = sockaddr();
		getsockname(fd, name);
		const portId = new DataView(name.buffer).getUint32(4, true);
		return createConversation(
			kernelTransport(fd, { portId, close: protocol === NETLINK_NETFILTER ? closeInBackground : close }),
		);
	} catch (thrown) {
		close(fd);
		throw thrown;
	}
}

/** Old kernels lack some of these options; everything works without them, with less to say. */
function enable(fd: number, option: number): void {
	try {
		setsockoptInt(fd, { level: SOL_NETLINK, option, value: 1 });
	} catch (thrown) {
		if (!(thrown instanceof SystemError)) throw thrown;
	}
}

/** `struct sockaddr_nl` of the kernel (port 0), which also asks for a port when bound. */
function sockaddr(): Uint8Array {
	const address = new Uint8Array(12);
	address[0] = AF_NETLINK;
	return address;
}

/**
 * For all sockets: nothing is received while another waits. The kernel answers in pieces of 32 KiB, and in a larger one only
 * where a single message is larger. What is not used of the buffer takes no memory.
 */
let buffer: Uint8Array | undefined;

function kernelTransport(fd: number, { portId, close }: { portId: number; close: (fd: number) => void }): Transport {
	const kernel = sockaddr();
	return {
		portId,
		send(datagram) {
			try {
				send(fd, { data: datagram, address: kernel });
			} catch (thrown) {
				if (errnoOf(thrown) !== Errno.EMSGSIZE) throw thrown;
				// A transaction of nf_tables is one datagram, and larger than what a socket usually has room for, some 200 KiB.
				setsockoptInt(fd, { level: SOL_SOCKET, option: SO_SNDBUFFORCE, value: datagram.byteLength });
				send(fd, { data: datagram, address: kernel });
			}
		},
		receive() {
			buffer ??= new Uint8Array(1024 * 1024);
			const size = receive(fd, { buffer, flags: MSG_TRUNC });
			if (size > buffer.byteLength) throw new SystemError(`receive ${size} bytes at once`, Errno.EMSGSIZE);
			// Callers keep the messages, and the buffer is used again.
			return buffer.slice(0, size);
		},
		enlarge() {
			try {
				setsockoptInt(fd, { level: SOL_SOCKET, option: SO_RCVBUFFORCE, value: 16 * 1024 * 1024 });
			} catch (thrown) {
				if (!(thrown instanceof SystemError)) throw thrown;
			}
		},
		close: () => close(fd),
	};
}

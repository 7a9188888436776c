import { addressToBytes, type IpAddress } from "../ip/address.ts";
import { call } from "./call.ts";
import { Errno, errnoOf, SystemError } from "./errno.ts";
import {
	AF_INET,
	AF_INET6,
	close,
	connect,
	receive,
	SOCK_NONBLOCK,
	SOCK_STREAM,
	setsockoptInt,
	socket,
	write,
} from "./libc.ts";
import { POLLIN, POLLOUT, poll } from "./poll.ts";
import type { Stream } from "./stream.ts";
import { nr } from "./syscall-numbers.ts";

const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;

/** A TCP connection, whose descriptor does not block. */
export interface TcpStream extends Stream {
	readonly fd: number;
}

/** Connects. @throws SystemError ETIMEDOUT when the deadline comes first */
export function connectTcp(address: IpAddress, { port, deadline }: { port: number; deadline: number }): TcpStream {
	const domain = address.family === 4 ? AF_INET : AF_INET6;
	const fd = socket(domain, { type: SOCK_STREAM | SOCK_NONBLOCK, protocol: 0 });
	try {
		setsockoptInt(fd, { level: IPPROTO_TCP, option: TCP_NODELAY, value: 1 });
		establish(fd, { address: sockaddr(address, port), deadline });
	} catch (thrown) {
		close(fd);
		throw thrown;
	}
	return {
		fd,
		send(data, until) {
			for (let rest = data; rest.byteLength > 0; ) {
				const sent = ready(fd, { events: POLLOUT, deadline: until }, () => write(fd, rest));
				rest = rest.subarray(sent);
			}
		},
		receive: (buffer, until) => ready(fd, { events: POLLIN, deadline: until }, () => receive(fd, { buffer })),
		[Symbol.dispose]: () => close(fd),
	};
}

/** Waits until the descriptor can be read or written. @throws SystemError ETIMEDOUT */
export function awaitReady(fd: number, { events, deadline }: { events: number; deadline: number }): void {
	const [isReady] = poll([{ fd, events }], deadline - performance.now());
	if (isReady !== true) throw new SystemError("wait for the other side", Errno.ETIMEDOUT);
}

/** Tries at once: what is waited for is there already as often as not. */
function ready(fd: number, until: { events: number; deadline: number }, action: () => number): number {
	for (;;) {
		try {
			return action();
		} catch (thrown) {
			if (errnoOf(thrown) !== Errno.EAGAIN) throw thrown;
		}
		awaitReady(fd, until);
	}
}

const SOL_SOCKET = 1;
const SO_ERROR = 4;

function establish(fd: number, { address, deadline }: { address: Uint8Array; deadline: number }): void {
	try {
		connect(fd, address);
		return;
	} catch (thrown) {
		if (errnoOf(thrown) !== Errno.EINPROGRESS) throw thrown;
	}
	awaitReady(fd, { events: POLLOUT, deadline });
	const error = new Int32Array(1);
	call("getsockopt", nr.getsockopt, fd, SOL_SOCKET, SO_ERROR, error, new Uint32Array([error.byteLength]));
	if (error[0] !== 0) throw new SystemError("connect", error[0] ?? 0);
}

/** `struct sockaddr_in` or `sockaddr_in6`: family, then in network order the port, (flow,) address (and scope). */
export function sockaddr(address: IpAddress, port: number): Uint8Array {
	const isIpv4 = address.family === 4;
	const bytes = new Uint8Array(isIpv4 ? 16 : 28);
	const view = new DataView(bytes.buffer);
	view.setUint16(0, isIpv4 ? AF_INET : AF_INET6, true);
	view.setUint16(2, port);
	bytes.set(addressToBytes(address), isIpv4 ? 4 : 8);
	return bytes;
}

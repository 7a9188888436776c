import { call } from "./call.ts";
import { Errno, errnoOf, SystemError } from "./errno.ts";
import { AF_UNIX, close, connect, receive, SOCK_NONBLOCK, SOCK_STREAM, setsockoptInt, socket, write } from "./libc.ts";
import { POLLIN, POLLOUT, poll } from "./poll.ts";
import type { Pending, Stream } from "./stream.ts";
import { nr } from "./syscall-numbers.ts";

const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;

/** A stream whose descriptor does not block. */
export interface StreamSocket extends Stream {
	readonly fd: number;
}

export interface StreamAddress {
	/** AF_INET, AF_INET6 or AF_UNIX. */
	readonly domain: number;
	/** A sockaddr of that domain. */
	readonly address: Uint8Array;
}

/** Begins to connect. @throws SystemError; so does `finish` */
export function startConnecting({ domain, address }: StreamAddress): Pending<StreamSocket> {
	const fd = socket(domain, { type: SOCK_STREAM | SOCK_NONBLOCK, protocol: 0 });
	try {
		if (domain !== AF_UNIX) setsockoptInt(fd, { level: IPPROTO_TCP, option: TCP_NODELAY, value: 1 });
		const isEstablished = connectAtOnce(fd, address);
		return {
			finish(deadline) {
				if (!isEstablished) awaitConnection(fd, deadline);
				return streamOf(fd);
			},
			[Symbol.dispose]: () => close(fd),
		};
	} catch (thrown) {
		close(fd);
		throw thrown;
	}
}

function streamOf(fd: number): StreamSocket {
	return {
		fd,
		send(data, until) {
			for (let rest = data; rest.byteLength > 0; ) {
				const sent = whenReady(fd, { events: POLLOUT, deadline: until }, () => write(fd, rest));
				rest = rest.subarray(sent);
			}
		},
		receive: (buffer, until) => whenReady(fd, { events: POLLIN, deadline: until }, () => receive(fd, { buffer })),
		[Symbol.dispose]: () => close(fd),
	};
}

/** Waits until the descriptor can be read or written. @throws SystemError ETIMEDOUT */
export function awaitReady(fd: number, { events, deadline }: { events: number; deadline: number }): void {
	const [isReady] = poll([{ fd, events }], deadline - performance.now());
	if (isReady !== true) throw new SystemError("wait for the other side", Errno.ETIMEDOUT);
}

/** Tries at once: what is waited for is there already as often as not. */
function whenReady(fd: number, until: { events: number; deadline: number }, action: () => number): number {
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

/** @returns false when it takes longer */
function connectAtOnce(fd: number, address: Uint8Array): boolean {
	try {
		connect(fd, address);
		return true;
	} catch (thrown) {
		if (errnoOf(thrown) !== Errno.EINPROGRESS) throw thrown;
		return false;
	}
}

function awaitConnection(fd: number, deadline: number): void {
	awaitReady(fd, { events: POLLOUT, deadline });
	const error = new Int32Array(1);
	call("getsockopt", nr.getsockopt, fd, SOL_SOCKET, SO_ERROR, error, new Uint32Array([error.byteLength]));
	if (error[0] !== 0) throw new SystemError("connect", error[0] ?? 0);
}

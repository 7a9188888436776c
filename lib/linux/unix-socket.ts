import { call } from "./call.ts";
import { AF_UNIX, bind, close, connect, O_NONBLOCK, SOCK_CLOEXEC, SOCK_STREAM, socket } from "./libc.ts";
import { unixAddress } from "./sockaddr.ts";
import { nr } from "./syscall-numbers.ts";

/** Connects to the stream socket at `path`; unix(7). @throws SystemError */
export function connectUnix(path: string): number {
	const fd = socket(AF_UNIX, { type: SOCK_STREAM, protocol: 0 });
	try {
		connect(fd, unixAddress(path));
		return fd;
	} catch (thrown) {
		close(fd);
		throw thrown;
	}
}

/** Makes a stream socket at `path`, mode 0660, that takes connections; accepting never waits. @throws SystemError */
export function listenUnix(path: string): number {
	const fd = socket(AF_UNIX, { type: SOCK_STREAM | O_NONBLOCK, protocol: 0 });
	try {
		// The mode that the file is born with: a moment in which anybody could connect would be one too many.
		const mask = call("umask", nr.umask, 0o117);
		try {
			bind(fd, unixAddress(path));
		} finally {
			call("umask", nr.umask, mask);
		}
		call("listen", nr.listen, fd, 128);
		return fd;
	} catch (thrown) {
		close(fd);
		throw thrown;
	}
}

/** The next connection, which never waits. @throws SystemError EAGAIN when there is none */
export function accept(fd: number): number {
	return call("accept", nr.accept4, fd, 0, 0, SOCK_CLOEXEC | O_NONBLOCK);
}

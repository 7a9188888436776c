import type { IpAddress } from "../ip/address.ts";
import { Errno, errnoOf } from "../linux/errno.ts";
import { AF_UNIX } from "../linux/libc.ts";
import { domainOf, internetAddress, unixAddress } from "../linux/sockaddr.ts";
import type { Pending, Stream } from "../linux/stream.ts";
import { type StreamSocket, startConnecting } from "../linux/stream-socket.ts";
import type { Endpoint, InternetEndpoint } from "./endpoint.ts";
import { resolveHost } from "./resolve/resolve-host.ts";

/**
 * Begins to connect, by TLS where the URL says so. `end` is when all of it is given up, whatever the deadlines of single waits:
 * each address of a host has a share of that.
 *
 * @throws SystemError, or AttemptError for what a SystemError cannot say; so does `finish`
 */
export type Connect = (endpoint: Endpoint, end: number) => Pending<Stream>;

/** Makes a connection to a host secure; it is closed with what comes of it. @throws as {@link Connect} */
export type Secure = (plain: StreamSocket, host: string) => Pending<Stream>;

export function connectBy(secure: Secure): Connect {
	return (endpoint, end) =>
		endpoint.kind === "socket"
			? startConnecting({ domain: AF_UNIX, address: unixAddress(endpoint.path) })
			: connectToHost(endpoint, { secure, end });
}

/** Connects within one wait. @throws as {@link Connect} */
export function connectNow(pending: Pending<Stream>, deadline: number): Stream {
	try {
		return pending.finish(deadline);
	} catch (thrown) {
		pending[Symbol.dispose]();
		throw thrown;
	}
}

function connectToHost(
	{ host, port, secure: isSecure }: InternetEndpoint,
	{ secure, end }: { secure: Secure; end: number },
): Pending<Stream> {
	let plain: Pending<StreamSocket> | undefined;
	let secured: Pending<Stream> | undefined;
	return {
		finish(deadline) {
			plain ??= connectToFirst(resolveHost(host, Math.min(deadline, end)), { port, end });
			if (!isSecure) return plain.finish(deadline);
			if (secured === undefined) {
				const stream = plain.finish(deadline);
				try {
					secured = secure(stream, host);
				} catch (thrown) {
					stream[Symbol.dispose]();
					throw thrown;
				}
			}
			return secured.finish(deadline);
		},
		[Symbol.dispose]() {
			(secured ?? plain)?.[Symbol.dispose]();
		},
	};
}

/** To the first address that answers. */
function connectToFirst(
	addresses: readonly IpAddress[],
	{ port, end }: { port: number; end: number },
): Pending<StreamSocket> {
	let untried = addresses;
	let attempt: (Pending<StreamSocket> & { readonly until: number }) | undefined;
	const close = () => {
		attempt?.[Symbol.dispose]();
		attempt = undefined;
	};
	const begin = () => {
		const [address, ...others] = untried;
		if (address === undefined) throw new Error("no address is left");
		const now = performance.now();
		const until = now + (end - now) / untried.length;
		untried = others;
		return { ...startConnecting({ domain: domainOf(address), address: internetAddress(address, port) }), until };
	};
	return {
		finish(deadline) {
			for (;;) {
				try {
					attempt ??= begin();
					const stream = attempt.finish(Math.min(deadline, attempt.until));
					attempt = undefined;
					return stream;
				} catch (thrown) {
					const isCutOff = errnoOf(thrown) === Errno.ETIMEDOUT && deadline < (attempt?.until ?? 0);
					if (isCutOff) throw thrown;
					close();
					if (untried.length === 0) throw thrown;
				}
			}
		},
		[Symbol.dispose]: close,
	};
}

import { AF_UNIX } from "../linux/libc.ts";
import { domainOf, internetAddress, unixAddress } from "../linux/sockaddr.ts";
import type { Stream } from "../linux/stream.ts";
import { connectStream, type StreamSocket } from "../linux/stream-socket.ts";
import type { Endpoint, InternetEndpoint } from "./endpoint.ts";
import { resolveHost } from "./resolve/resolve-host.ts";

/** @throws SystemError, or AttemptError for what a SystemError cannot say */
export type Connect = (endpoint: Endpoint, deadline: number) => Stream;

/** Makes a connection secure. */
export type Secure = (plain: StreamSocket, given: { readonly host: string; readonly deadline: number }) => Stream;

/** Connects to endpoints, by TLS where their URL says so. */
export function connectBy(secure: Secure): Connect {
	return (endpoint: Endpoint, deadline) => {
		if (endpoint.kind === "socket") {
			return connectStream({ domain: AF_UNIX, address: unixAddress(endpoint.path) }, deadline);
		}
		const plain = connectToFirst(endpoint, deadline);
		if (!endpoint.secure) return plain;
		try {
			return secure(plain, { host: endpoint.host, deadline });
		} catch (thrown) {
			plain[Symbol.dispose]();
			throw thrown;
		}
	};
}

/** To the first address of the host that answers. */
function connectToFirst({ host, port }: InternetEndpoint, deadline: number): StreamSocket {
	const addresses = resolveHost(host, deadline);
	let failure: unknown;
	for (const [tried, address] of addresses.entries()) {
		const now = performance.now();
		const share = now + (deadline - now) / (addresses.length - tried);
		try {
			return connectStream({ domain: domainOf(address), address: internetAddress(address, port) }, share);
		} catch (thrown) {
			failure = thrown;
		}
	}
	throw failure;
}

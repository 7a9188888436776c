import "../engine/host.ts";
import { POLLIN, POLLOUT } from "../linux/poll.ts";
import type { Pending, Stream } from "../linux/stream.ts";
import { awaitReady, type StreamSocket } from "../linux/stream-socket.ts";
import { AttemptError } from "./attempt-error.ts";
import type { TlsIdentity } from "./tls-identity.ts";

/** What host.tlsStep does, and what it waits for: lib/engine/tls.c. */
const handshake = 0;
const receive = 1;
const transmit = 2;
const wantsRead = -1;
const wantsWrite = -2;

/**
 * Makes a connection secure, which it closes with itself, and makes sure that the other side is `name`.
 *
 * @param peer what the other side is, for errors: `etcd`
 * @throws AttemptError when that cannot be; so does `finish`, when it is not, or takes us for somebody else
 */
export function secureStream(
	plain: StreamSocket,
	{ name, identity, peer }: { name: string; identity: TlsIdentity; peer: string },
): Pending<Stream> {
	const { authorities, certificates, key } = identity;
	const handle = host.tlsOpen(plain.fd, name, authorities, certificates, key);
	if (typeof handle === "string") throw refusal(peer, handle);
	const step = (operation: number, { bytes, until }: { bytes?: Uint8Array; until: number }): number => {
		for (;;) {
			const done = host.tlsStep(handle, operation, bytes);
			if (typeof done === "string") throw refusal(peer, operation === transmit ? lastWord(handle, done) : done);
			if (done !== wantsRead && done !== wantsWrite) return done;
			awaitReady(plain.fd, { events: done === wantsRead ? POLLIN : POLLOUT, deadline: until });
		}
	};
	const close = () => {
		host.tlsClose(handle);
		plain[Symbol.dispose]();
	};
	const stream: Stream = {
		send(data, until) {
			for (let rest = data; rest.byteLength > 0; ) rest = rest.subarray(step(transmit, { bytes: rest, until }));
		},
		receive: (buffer, until) => step(receive, { bytes: buffer, until }),
		[Symbol.dispose]: close,
	};
	return {
		finish(deadline) {
			step(handshake, { until: deadline });
			return stream;
		},
		[Symbol.dispose]: close,
	};
}

/** What the other side said before it closed the connection that could not be written to any more. */
function lastWord(handle: number, otherwise: string): string {
	const said = host.tlsStep(handle, receive, new Uint8Array(1));
	return typeof said === "string" ? said : otherwise;
}

/** A connection that breaks is no refusal: the other side may be about to end. */
function refusal(peer: string, reason: string): AttemptError {
	if (reason === "the connection was closed" || reason.includes("unexpected eof")) {
		return new AttemptError("the connection was closed", { sent: true });
	}
	return new AttemptError(`TLS: ${reason}`, { sent: true, refusal: helpFor(peer, reason) });
}

function helpFor(peer: string, reason: string): string {
	if (reason.includes("expired") || reason.includes("not yet valid"))
		return `Renew the certificate of ${peer}, and compare the clocks`;
	if (reason.includes("mismatch"))
		return `The certificate of ${peer} is for another name or address: set "serverName" to one that it has`;
	if (reason.includes("issuer") || reason.includes("self-signed") || reason.includes("self signed")) {
		return `The certificate of ${peer} was issued by an authority that is not in "caFile"`;
	}
	if (reason.includes("alert"))
		return `${peer} does not accept us: check "certFile" and "keyFile", and the authority that ${peer} trusts for clients`;
	if (reason.includes("wrong version number") || reason.includes("http request"))
		return 'This is no TLS: write "http://" in the URL';
	return 'Check "caFile", "certFile" and "keyFile"';
}

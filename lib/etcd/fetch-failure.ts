import { AttemptError } from "../http/attempt-error.ts";

/** What fetch of Bun throws, by its code, in words of ours and with what would help where time does not. */
const failures: Readonly<Record<string, { readonly cause: string; readonly refusal?: string }>> = {
	ConnectionRefused: { cause: "connection refused" },
	ECONNREFUSED: { cause: "connection refused" },
	EHOSTUNREACH: { cause: "no route to host" },
	ENETUNREACH: { cause: "network is unreachable" },
	ECONNRESET: { cause: "the connection was closed" },
	Malformed_HTTP_Response: { cause: "the answer is no HTTP/1.1" },
	TimeoutError: { cause: "no answer in time" },
	EPROTO: {
		cause: "TLS: the handshake failed",
		refusal:
			'etcd does not accept us, or speaks no TLS: check "certFile" and "keyFile", the authority that etcd trusts for clients, and "endpoints"',
	},
	ERR_TLS_CERT_ALTNAME_INVALID: {
		cause: "TLS: hostname mismatch",
		refusal: 'The certificate of etcd is for another name or address: set "serverName" to one that it has',
	},
	CERT_HAS_EXPIRED: {
		cause: "TLS: certificate has expired",
		refusal: "Renew the certificate of etcd, and compare the clocks",
	},
};

const unknownIssuer = {
	cause: "TLS: unable to get local issuer certificate",
	refusal: 'The certificate of etcd was issued by an authority that is not in "caFile"',
};

/** @param thrown by fetch */
export function fetchFailure(thrown: unknown): AttemptError {
	const { name, code, message } = (thrown ?? {}) as { name?: unknown; code?: unknown; message?: unknown };
	const known = failures[String(code)] ?? failures[String(name)];
	const { cause, refusal } =
		known ??
		(issuerCodes.includes(String(code)) ? unknownIssuer : { cause: String(message ?? thrown), refusal: undefined });
	return new AttemptError(cause, { sent: true, ...(refusal === undefined ? {} : { refusal }) });
}

const issuerCodes: readonly string[] = [
	"UNABLE_TO_VERIFY_LEAF_SIGNATURE",
	"UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
	"UNABLE_TO_GET_ISSUER_CERT",
	"SELF_SIGNED_CERT_IN_CHAIN",
	"DEPTH_ZERO_SELF_SIGNED_CERT",
];

import { decodeUtf8 } from "../linux/utf8.ts";
import { fetchFailure } from "./fetch-failure.ts";
import type { Post } from "./post.ts";
import { loadIdentity, type TlsFiles } from "./tls-identity.ts";

/**
 * What requests to members are sent with: here, for cnictl, by what Bun has built in; in the executable of the plugins
 * open-post.quickjs.ts stands in its place, which waits in system calls.
 */
export function openPost(files: TlsFiles): Post & Disposable {
	const post: Post = async (endpoint, { path, headers, body, deadline }) => {
		const isSocket = endpoint.kind === "socket";
		const identity = isSocket || !endpoint.secure ? undefined : loadIdentity(files);
		try {
			const response = await fetch(`${isSocket ? "http://localhost" : endpoint.url}${path}`, {
				method: "POST",
				headers: { "Content-Type": "application/json", ...headers },
				body,
				redirect: "manual",
				signal: AbortSignal.timeout(Math.max(1, deadline - performance.now())),
				...(isSocket ? { unix: endpoint.path } : {}),
				...(identity === undefined ? {} : { tls: tlsOptions(identity, files.serverName) }),
			});
			return { status: response.status, body: await response.text() };
		} catch (thrown) {
			throw fetchFailure(thrown);
		}
	};
	return Object.assign(post, { [Symbol.dispose]: () => {} });
}

function tlsOptions(
	{ authorities, certificates, key }: ReturnType<typeof loadIdentity>,
	serverName: string | undefined,
) {
	return {
		ca: decodeUtf8(authorities),
		...(certificates === undefined ? {} : { cert: decodeUtf8(certificates) }),
		...(key === undefined ? {} : { key: decodeUtf8(key) }),
		...(serverName === undefined ? {} : { serverName }),
	};
}

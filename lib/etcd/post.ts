import { AttemptError } from "../http/attempt-error.ts";
import { type Connect, connectNow } from "../http/connect.ts";
import { authorityOf, type Endpoint } from "../http/endpoint.ts";
import { exchange, type HttpResponse } from "../http/exchange.ts";
import { ConnectionClosed } from "../http/incoming.ts";
import { Errno, errnoOf, errnoText } from "../linux/errno.ts";
import type { Stream } from "../linux/stream.ts";
import { EtcdError } from "./error.ts";

/** One request to one member. @throws AttemptError, or EtcdError when it is of no use to ask another */
export type Post = (endpoint: Endpoint, request: PostRequest) => HttpResponse | Promise<HttpResponse>;

export interface PostRequest {
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly body: string;
	/** A time of `performance.now()`. */
	readonly deadline: number;
}

/** Sends over a connection that is kept for as long as the requests go to one member, by system calls that block. */
export function createBlockingPost(connect: Connect): Post & Disposable {
	let kept: { readonly url: string; readonly stream: Stream } | undefined;
	const close = () => {
		kept?.stream[Symbol.dispose]();
		kept = undefined;
	};
	const attempt = (stream: Stream, endpoint: Endpoint, { deadline, ...request }: PostRequest): HttpResponse => {
		try {
			const answer = exchange(stream, { ...request, authority: authorityOf(endpoint) }, deadline);
			if (!answer.reusable) close();
			return answer;
		} catch (thrown) {
			close();
			throw thrown;
		}
	};
	const post: Post = (endpoint, request) => {
		if (kept !== undefined && kept.url !== endpoint.url) close();
		try {
			if (kept !== undefined) return attempt(kept.stream, endpoint, request);
		} catch (thrown) {
			// An idle connection may be closed at any time, and the request meets its end.
			if (!wasIdle(thrown)) throw attemptError(thrown, { sent: true });
		}
		let stream: Stream;
		try {
			stream = connectNow(connect(endpoint, request.deadline), request.deadline);
		} catch (thrown) {
			throw attemptError(thrown, { sent: false });
		}
		kept = { url: endpoint.url, stream };
		try {
			return attempt(stream, endpoint, request);
		} catch (thrown) {
			throw attemptError(thrown, { sent: true });
		}
	};
	return Object.assign(post, { [Symbol.dispose]: close });
}

function wasIdle(thrown: unknown): boolean {
	if (thrown instanceof ConnectionClosed) return !thrown.answered;
	return [Errno.EPIPE, Errno.ECONNRESET].some((errno) => errno === errnoOf(thrown));
}

function attemptError(thrown: unknown, { sent }: { sent: boolean }): AttemptError {
	if (thrown instanceof AttemptError) return thrown;
	if (thrown instanceof EtcdError) throw thrown;
	const errno = errnoOf(thrown);
	const cause = errno === 0 ? String(thrown instanceof Error ? thrown.message : thrown) : errnoText(errno);
	if (errno !== Errno.ETIMEDOUT) return new AttemptError(cause, { sent });
	return new AttemptError(sent ? "no answer in time" : "no connection in time", { sent });
}

import { AttemptError } from "../../http/attempt-error.ts";
import type { Connect } from "../../http/connect.ts";
import type { InternetEndpoint } from "../../http/endpoint.ts";
import { Errno, errnoOf } from "../../linux/errno.ts";
import type { Pending, Stream } from "../../linux/stream.ts";
import { createMasterConnection, type MasterConnection } from "./master-connection.ts";

/**
 * Begins a conversation over a new connection.
 *
 * @throws SystemError ETIMEDOUT when the deadline comes before the time that a connection may take is over: ask again
 */
export type Converse = <T>(
	endpoint: InternetEndpoint,
	options: { readonly deadline: number; readonly about: (connection: MasterConnection) => T },
) => T;

export interface ConnectionOptions {
	readonly connect: Connect;
	/** The field Authorization of a request; undefined for somebody who needs none. @throws FileError */
	readonly authorization: () => string | undefined;
	/** For making a connection, over all waits together. */
	readonly connectTimeoutMs: number;
	readonly clock: () => number;
}

export function conversing({
	connect,
	authorization,
	connectTimeoutMs,
	clock,
}: ConnectionOptions): Converse & Disposable {
	let attempt: { readonly url: string; readonly end: number; readonly pending: Pending<Stream> } | undefined;
	const abandon = () => {
		attempt?.pending[Symbol.dispose]();
		attempt = undefined;
	};

	const begin = (endpoint: InternetEndpoint) => {
		abandon();
		const end = clock() + connectTimeoutMs;
		return { url: endpoint.url, end, pending: connect(endpoint, end) };
	};

	const open = (endpoint: InternetEndpoint, deadline: number): MasterConnection => {
		const field = authorization();
		attempt = attempt?.url === endpoint.url ? attempt : begin(endpoint);
		const { pending, end } = attempt;
		try {
			const stream = pending.finish(Math.min(deadline, end));
			attempt = undefined;
			return createMasterConnection(endpoint, { stream, authorization: field, clock });
		} catch (thrown) {
			const isTimeout = errnoOf(thrown) === Errno.ETIMEDOUT;
			if (isTimeout && clock() < end) throw thrown;
			abandon();
			throw isTimeout ? new AttemptError("no connection in time", { sent: false }) : thrown;
		}
	};

	const converse: Converse = (endpoint, { deadline, about }) => {
		const connection = open(endpoint, deadline);
		try {
			return about(connection);
		} catch (thrown) {
			connection[Symbol.dispose]();
			throw thrown;
		}
	};
	return Object.assign(converse, { [Symbol.dispose]: abandon });
}

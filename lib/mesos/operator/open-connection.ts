import { AttemptError } from "../../http/attempt-error.ts";
import type { Connect } from "../../http/connect.ts";
import type { InternetEndpoint } from "../../http/endpoint.ts";
import { Errno, errnoOf } from "../../linux/errno.ts";
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
	/** For all attempts together that deadlines have cut off. */
	readonly connectTimeoutMs: number;
	readonly clock: () => number;
}

export function conversing({ connect, authorization, connectTimeoutMs, clock }: ConnectionOptions): Converse {
	/** The connection that is being made, and since when. */
	let attempt: { readonly url: string; readonly end: number } | undefined;

	const open = (endpoint: InternetEndpoint, deadline: number): MasterConnection => {
		if (attempt?.url !== endpoint.url) attempt = { url: endpoint.url, end: clock() + connectTimeoutMs };
		const { end } = attempt;
		let isOver = true;
		try {
			const field = authorization();
			const stream = connect(endpoint, Math.min(deadline, end));
			return createMasterConnection(endpoint, { stream, authorization: field, clock });
		} catch (thrown) {
			if (errnoOf(thrown) !== Errno.ETIMEDOUT) throw thrown;
			isOver = clock() >= end;
			throw isOver ? new AttemptError("no connection in time", { sent: false }) : thrown;
		} finally {
			if (isOver) attempt = undefined;
		}
	};

	return (endpoint, { deadline, about }) => {
		const connection = open(endpoint, deadline);
		try {
			return about(connection);
		} catch (thrown) {
			connection[Symbol.dispose]();
			throw thrown;
		}
	};
}

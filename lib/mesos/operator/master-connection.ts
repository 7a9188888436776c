import { type Answer, createAnswer, type Head } from "../../http/answer.ts";
import { AttemptError } from "../../http/attempt-error.ts";
import { authorityOf, type InternetEndpoint } from "../../http/endpoint.ts";
import { encodeRequest, wholeBody } from "../../http/exchange.ts";
import { createIncoming } from "../../http/incoming.ts";
import type { Stream } from "../../linux/stream.ts";
import { decodeMasterId } from "./decode-event.ts";
import { redirectTarget } from "./redirect.ts";

/** A connection to a master, over which one call follows the other. */
export interface MasterConnection extends Disposable {
	readonly endpoint: InternetEndpoint;
	/** Sends a call of the operator API. @throws SystemError */
	call(type: string, deadline: number): Answer;
	/** When the master last said anything, or we began. */
	heardAt(): number;
}

/** The master that answered is not the leader, and says who is. */
export class Redirected extends Error {
	override readonly name = "Redirected";
	readonly to: InternetEndpoint;

	constructor(to: InternetEndpoint) {
		super(`the leader is "${to.url}"`);
		this.to = to;
	}
}

/**
 * @param options.authorization the field of that name, undefined for somebody who needs none
 * @param options.clock of the deadlines
 */
export function createMasterConnection(
	endpoint: InternetEndpoint,
	{
		stream,
		authorization,
		clock,
	}: { readonly stream: Stream; readonly authorization: string | undefined; readonly clock: () => number },
): MasterConnection {
	let heardAt = clock();
	const incoming = createIncoming({
		...stream,
		receive(buffer, deadline) {
			const count = stream.receive(buffer, deadline);
			heardAt = clock();
			return count;
		},
	});
	const headers = {
		Accept: "application/json",
		...(authorization === undefined ? {} : { Authorization: authorization }),
	};
	return {
		endpoint,
		call(type, deadline) {
			const body = JSON.stringify({ type });
			stream.send(encodeRequest({ path: "/api/v1", authority: authorityOf(endpoint), headers, body }), deadline);
			return createAnswer(incoming);
		},
		heardAt: () => heardAt,
		[Symbol.dispose]: () => stream[Symbol.dispose](),
	};
}

/** @throws Redirected, AttemptError for what is no success */
export function expectSuccess(head: Head, from: InternetEndpoint): void {
	const { status, fields } = head;
	if (status === 200) return;
	if (status === 503) throw new AttemptError("it knows of no leader", { sent: true });
	if (status === 401) {
		throw new AttemptError("it does not let us in", { sent: true, refusal: "Check the user and the password's file" });
	}
	if (status < 300 || status >= 400) throw new AttemptError(`HTTP status ${status}`, { sent: true });
	const target = redirectTarget(fields.get("location") ?? "", from);
	if (target === undefined) throw new AttemptError("it leads to no master", { sent: true });
	throw new Redirected(target);
}

/** Longer than what a master says of itself. */
const longestMasterInfo = 1024 * 1024;

/**
 * Asks a master for the id that its process has. Who runs into a deadline may ask again. @throws as {@link expectSuccess}
 *
 * @returns undefined from a master that does not say it
 */
export function askMasterId(
	connection: MasterConnection,
	deadline: number,
): (deadline: number) => { readonly id: string | undefined } {
	const answer = connection.call("GET_MASTER", deadline);
	const body = wholeBody(answer, longestMasterInfo);
	return (until) => {
		const head = answer.head(until);
		const isRefused = head.status === 403 || head.status === 400 || head.status === 501;
		if (!isRefused) expectSuccess(head, connection.endpoint);
		const text = body(until);
		if (!head.reusable) throw new AttemptError("it closes the connection after an answer", { sent: true });
		return { id: isRefused ? undefined : decodeMasterId(text) };
	};
}

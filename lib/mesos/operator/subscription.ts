import type { Answer } from "../../http/answer.ts";
import { decodeEvent, type Report, usualHeartbeatMs } from "./decode-event.ts";
import { askMasterId, expectSuccess, type MasterConnection } from "./master-connection.ts";
import type { MasterEvent } from "./master-event.ts";
import { createRecordReader } from "./record-reader.ts";

/** The stream of a master's events, from the first question on. */
export interface Subscription extends Disposable {
	readonly connection: MasterConnection;
	/**
	 * What has come, which may be nothing of interest. Who runs into a deadline may ask again.
	 *
	 * @throws SystemError, Redirected, AttemptError, Error for what is no stream of events
	 */
	read(deadline: number): readonly MasterEvent[];
	/** Of the master's process; undefined as long as it has not said it. */
	masterId(): string | undefined;
	/** After such a silence the master is not there any more. */
	patienceMs(): number;
}

/** As many heartbeats may be missing. */
const missedHeartbeats = 5;

/** What is longer is passed over: the state of a large cluster, with all its tasks. The agents are asked for then. */
const longestRecord = 4 * 1024 * 1024;

export function subscribe(
	connection: MasterConnection,
	{ deadline, report }: { readonly deadline: number; readonly report: Report },
): Subscription {
	const records = createRecordReader(longestRecord);
	let heartbeatMs = usualHeartbeatMs;
	let id: string | undefined;
	let isFirst = true;

	const decode = (record: string | undefined): readonly MasterEvent[] => {
		let event = decodeEvent(record, report);
		if (isFirst) {
			event ??= record === undefined ? { kind: "subscribed", lists: undefined, heartbeatMs } : undefined;
			if (event?.kind !== "subscribed") throw new Error("the master does not begin with its state");
		}
		isFirst = false;
		if (event?.kind === "subscribed") heartbeatMs = event.heartbeatMs;
		return event === undefined ? [] : [event];
	};
	const streaming = (answer: Answer) => (until: number) => {
		const bytes = answer.piece(until);
		if (bytes === undefined) throw new Error("the master has ended the stream");
		return records.push(bytes).flatMap(decode);
	};
	const beginning = (answer: Answer) => (until: number) => {
		expectSuccess(answer.head(until), connection.endpoint);
		step = streaming(answer);
		return [];
	};
	const masterId = askMasterId(connection, deadline);
	let step = (until: number): readonly MasterEvent[] => {
		id = masterId(until).id;
		step = beginning(connection.call("SUBSCRIBE", until));
		return [];
	};
	return {
		connection,
		read: (until) => step(until),
		masterId: () => id,
		patienceMs: () => missedHeartbeats * heartbeatMs,
		[Symbol.dispose]: () => connection[Symbol.dispose](),
	};
}

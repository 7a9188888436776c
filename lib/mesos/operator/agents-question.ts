import { wholeBody } from "../../http/exchange.ts";
import { decodeAgents, type Report } from "./decode-event.ts";
import { askMasterId, expectSuccess, type MasterConnection } from "./master-connection.ts";
import type { AgentLists } from "./master-event.ts";

/** A question for all agents that a master knows, over a connection of its own. */
export interface AgentsQuestion extends Disposable {
	readonly connection: MasterConnection;
	/** Undefined as long as more is to come. Who runs into a deadline may ask again. @throws as {@link expectSuccess} */
	read(deadline: number): AgentsAnswer | undefined;
}

export interface AgentsAnswer {
	/** Of the master's process, where it says it. */
	readonly masterId: string | undefined;
	readonly lists: AgentLists;
}

/** Ten thousand agents with all that they offer are a fifth of it. */
const longestAnswer = 256 * 1024 * 1024;

export function askForAgents(
	connection: MasterConnection,
	{ deadline, report }: { readonly deadline: number; readonly report: Report },
): AgentsQuestion {
	const master = askMasterId(connection, deadline);
	let step = (until: number): AgentsAnswer | undefined => {
		const { id: masterId } = master(until);
		const answer = connection.call("GET_AGENTS", until);
		const body = wholeBody(answer, longestAnswer);
		step = (later) => {
			expectSuccess(answer.head(later), connection.endpoint);
			return { masterId, lists: decodeAgents(body(later), report) };
		};
		return undefined;
	};
	return { connection, read: (until) => step(until), [Symbol.dispose]: () => connection[Symbol.dispose]() };
}

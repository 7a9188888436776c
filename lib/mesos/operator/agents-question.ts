import { decodingAgents, type Report } from "./decode-event.ts";
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

export function askForAgents(
	connection: MasterConnection,
	{ deadline, report }: { readonly deadline: number; readonly report: Report },
): AgentsQuestion {
	const master = askMasterId(connection, deadline);
	let step = (until: number): AgentsAnswer | undefined => {
		const { id: masterId } = master(until);
		const answer = connection.call("GET_AGENTS", until);
		const decoding = decodingAgents(report);
		step = (later) => {
			expectSuccess(answer.head(later), connection.endpoint);
			for (let piece = answer.piece(later); piece !== undefined; piece = answer.piece(later)) decoding.push(piece);
			return { masterId, lists: decoding.end() };
		};
		return undefined;
	};
	return { connection, read: (until) => step(until), [Symbol.dispose]: () => connection[Symbol.dispose]() };
}

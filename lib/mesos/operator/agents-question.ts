import { decodingAgents, type Report } from "./decode-event.ts";
import { askMasterId, expectSuccess, type MasterConnection } from "./master-connection.ts";
import type { AgentLists } from "./master-event.ts";

/** A question for all agents that a master knows, over a connection of its own. */
export interface AgentsQuestion extends Disposable {
	readonly connection: MasterConnection;
	/**
	 * Undefined as long as more is to come, however fast it comes. Who runs into a deadline may ask again.
	 *
	 * @throws as {@link expectSuccess}, and Error for what is no list of agents
	 */
	read(deadline: number): AgentsAnswer | undefined;
}

export interface AgentsAnswer {
	/** Of the master's process, where it says it. */
	readonly masterId: string | undefined;
	readonly lists: AgentLists;
}

/** A hundred thousand agents with all that they offer. */
const longestAnswer = 256 * 1024 * 1024;

/** A master that sends without an end holds nobody up for longer than this takes. */
const mostAtOnce = 1024 * 1024;

export function askForAgents(
	connection: MasterConnection,
	{ deadline, report }: { readonly deadline: number; readonly report: Report },
): AgentsQuestion {
	const master = askMasterId(connection, deadline);
	let step = (until: number): AgentsAnswer | undefined => {
		const { id: masterId } = master(until);
		const answer = connection.call("GET_AGENTS", until);
		const decoding = decodingAgents(report);
		let length = 0;
		step = (later) => {
			expectSuccess(answer.head(later), connection.endpoint);
			const end = length + mostAtOnce;
			while (length < end) {
				const piece = answer.piece(later);
				if (piece === undefined) return { masterId, lists: decoding.end() };
				decoding.push(piece);
				length += piece.byteLength;
			}
			if (length > longestAnswer) throw new Error("the master's list of agents has no end");
			return undefined;
		};
		return undefined;
	};
	return { connection, read: (until) => step(until), [Symbol.dispose]: () => connection[Symbol.dispose]() };
}

import { isAgentName } from "../../cluster/agent-name.ts";
import { quoteText } from "../../cni/quote-text.ts";
import { createItemCutter } from "./item-cutter.ts";
import { type AgentLists, type KnownAgent, type MasterEvent, mostAgents, type TaskSign } from "./master-event.ts";

/** Who is told of agents that cannot be ours. */
export type Report = (problem: string) => void;

/**
 * Decodes a record of the stream; undefined for one that has nothing to do with agents.
 *
 * @param text JSON; undefined for a record that was too long, as the first can be: it has all tasks
 * @throws Error for what is no event
 */
export function decodeEvent(text: string | undefined, report: Report): MasterEvent | undefined {
	if (text === undefined) return undefined;
	const event = parseObject(text);
	switch (event.type) {
		case "SUBSCRIBED":
			return decodeSubscribed(at(event, "subscribed"), report);
		case "AGENT_ADDED": {
			const agent = decodeAgent(at(event, "agent_added", "agent", "agent_info"), report);
			return agent && { kind: "added", agent };
		}
		case "AGENT_REMOVED":
			return { kind: "removed", id: decodeId(at(event, "agent_removed", "agent_id")) };
		case "TASK_UPDATED":
			return decodeTask(at(event, "task_updated"));
		default:
			return undefined;
	}
}

/** Decodes the answer to GET_AGENTS while it comes. @throws Error for any other */
export function decodingAgents(report: Report): { push(bytes: Uint8Array): void; end(): AgentLists } {
	const agents: unknown[] = [];
	const take = (text: string) => {
		if (agents.length === mostAgents) throw new Error("the master's list of agents has no end");
		const agent = parseObject(text);
		agents.push({ ...identityIn(agent), agent_info: identityIn(at(agent, "agent_info")) });
	};
	// The answer, `get_agents` in it, and a list in that.
	const cutter = createItemCutter({ depth: 3, take });
	const original = (item: unknown) => (Array.isArray(item) ? agents[item[0]] : item);
	return {
		push: (bytes) => cutter.push(bytes),
		end() {
			const lists = at(parseObject(cutter.rest()), "get_agents");
			if (!isObject(lists)) return decodeLists(lists, report);
			const whole = ([key, list]: [string, unknown]) => [key, Array.isArray(list) ? list.map(original) : list] as const;
			return decodeLists(Object.fromEntries(Object.entries(lists).map(whole)), report);
		},
	};
}

function identityIn(info: unknown): object {
	return { id: at(info, "id"), hostname: at(info, "hostname") };
}

/** Of the answer to GET_MASTER: the id that a master has for as long as its process lives. */
export function decodeMasterId(text: string): string | undefined {
	const id = at(parseObject(text), "get_master", "master_info", "id");
	return typeof id === "string" && isId(id) ? id : undefined;
}

/** When a master says nothing of its own: as it does by default. */
export const usualHeartbeatMs = 15_000;

function decodeSubscribed(subscribed: unknown, report: Report): MasterEvent {
	const seconds = at(subscribed, "heartbeat_interval_seconds");
	const isSane = typeof seconds === "number" && seconds > 0 && seconds <= 3600;
	const lists = at(subscribed, "get_state", "get_agents");
	return {
		kind: "subscribed",
		lists: lists === undefined ? undefined : decodeLists(lists, report),
		heartbeatMs: isSane ? seconds * 1000 : usualHeartbeatMs,
	};
}

/** A list that is missing is empty: so JSON is made of protocol buffers. */
function decodeLists(lists: unknown, report: Report): AgentLists {
	if (!isObject(lists)) throw new Error("the master's list of agents is none");
	const agentsIn = (key: string, ...way: string[]) => {
		const list = at(lists, key) ?? [];
		if (!Array.isArray(list)) throw new Error("the master's list of agents is none");
		return list.flatMap((item) => decodeAgent(at(item, ...way), report) ?? []);
	};
	return { registered: agentsIn("agents", "agent_info"), recovered: agentsIn("recovered_agents") };
}

/** Undefined for an agent whose host's name is no name for an agent. */
function decodeAgent(info: unknown, report: Report): KnownAgent | undefined {
	const id = decodeId(at(info, "id"));
	const name = at(info, "hostname");
	if (typeof name !== "string") throw new Error("the master speaks of an agent without a host's name");
	if (isAgentName(name)) return { id, name };
	report(`the agent ${quoteText(id)} is passed over: it calls its host ${quoteText(name.slice(0, 300))}`);
	return undefined;
}

function decodeTask(update: unknown): MasterEvent | undefined {
	const status = at(update, "status");
	const sign = signOf(at(update, "state") ?? at(status, "state"), at(status, "reason"));
	const holder = at(status, "agent_id");
	return sign === undefined || holder === undefined ? undefined : { kind: "task", id: decodeId(holder), sign };
}

/** Reasons have two names: of the API's version 1, and those of before. */
const removed: readonly unknown[] = ["REASON_AGENT_REMOVED", "REASON_SLAVE_REMOVED"];
const removedByOperator: readonly unknown[] = ["REASON_AGENT_REMOVED_BY_OPERATOR", "REASON_SLAVE_REMOVED_BY_OPERATOR"];

function signOf(state: unknown, reason: unknown): TaskSign | undefined {
	switch (state) {
		case "TASK_RUNNING":
			return "running";
		case "TASK_UNREACHABLE":
			return "unreachable";
		case "TASK_GONE_BY_OPERATOR":
			return "gone";
		case "TASK_LOST":
			// Frameworks that know nothing of partitions hear of both by this word.
			if (removedByOperator.includes(reason)) return "gone";
			return removed.includes(reason) ? "unreachable" : undefined;
		default:
			return undefined;
	}
}

function decodeId(value: unknown): string {
	const id = at(value, "value");
	if (typeof id !== "string" || !isId(id)) throw new Error("the master speaks of an agent without an id");
	return id;
}

/** Ids are read by people, in reasons and in logs. */
function isId(text: string): boolean {
	return /^[\x21-\x7e]{1,256}$/.test(text);
}

/** What is found on a way through objects; undefined where it ends early. `null` counts as nothing. */
function at(value: unknown, ...way: readonly string[]): unknown {
	let found = value;
	for (const key of way) {
		if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
		found = (found as Readonly<Record<string, unknown>>)[key] ?? undefined;
	}
	return found;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch {
		// What the parser says quotes what it was given; and it runs out of stack where that is deep.
		throw new Error("the master sends what is no JSON");
	}
	if (isObject(value)) return value;
	throw new Error("the master sends JSON that is no object");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

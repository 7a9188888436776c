/** An agent as a master's JSON has it, as far as anybody here reads it and a little further. */
export interface MesosAgent {
	readonly id: string;
	readonly hostname: string;
}

/** What a master knows. */
export interface MesosLists {
	readonly agents: readonly MesosAgent[];
	readonly recovered?: readonly MesosAgent[];
}

/** A record of the stream: its length in bytes, a line feed, itself. */
export function record(event: unknown): string {
	const text = typeof event === "string" ? event : JSON.stringify(event);
	return `${Buffer.byteLength(text)}\n${text}`;
}

export const heartbeat = { type: "HEARTBEAT" };

export const getMaster = (id: string) => ({
	type: "GET_MASTER",
	get_master: { master_info: { id, hostname: "master", ip: 16777343, pid: "master@127.0.0.1:5050", port: 5050 } },
});

export const getAgents = (lists: MesosLists) => ({ type: "GET_AGENTS", get_agents: listsJson(lists) });

export const subscribed = (lists: MesosLists, heartbeatSeconds = 15) => ({
	type: "SUBSCRIBED",
	subscribed: {
		get_state: { get_tasks: {}, get_executors: {}, get_frameworks: {}, get_agents: listsJson(lists) },
		heartbeat_interval_seconds: heartbeatSeconds,
	},
});

export const agentAdded = (agent: MesosAgent) => ({ type: "AGENT_ADDED", agent_added: { agent: agentJson(agent) } });

export const agentRemoved = ({ id }: MesosAgent) => ({
	type: "AGENT_REMOVED",
	agent_removed: { agent_id: { value: id } },
});

export const taskUpdated = ({ id }: MesosAgent, state: string, reason?: string) => ({
	type: "TASK_UPDATED",
	task_updated: {
		framework_id: { value: "f-0" },
		state,
		status: {
			agent_id: { value: id },
			state,
			source: "SOURCE_MASTER",
			task_id: { value: "t" },
			timestamp: 1.5,
			uuid: "AAAA",
			...(reason === undefined ? {} : { reason }),
		},
	},
});

function listsJson({ agents, recovered = [] }: MesosLists) {
	return {
		...(agents.length === 0 ? {} : { agents: agents.map(agentJson) }),
		...(recovered.length === 0 ? {} : { recovered_agents: recovered.map(infoJson) }),
	};
}

function agentJson(agent: MesosAgent) {
	return {
		active: true,
		agent_info: infoJson(agent),
		capabilities: [{ type: "MULTI_ROLE" }],
		pid: "slave(1)@10.0.0.9:5051",
		registered_time: { nanoseconds: 1 },
		version: "1.12.0",
	};
}

function infoJson({ id, hostname }: MesosAgent) {
	return {
		hostname,
		id: { value: id },
		port: 5051,
		resources: [{ name: "cpus", scalar: { value: 8 }, type: "SCALAR" }],
	};
}

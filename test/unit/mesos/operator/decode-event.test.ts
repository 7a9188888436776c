import { describe, expect, test } from "@jest/globals";
import { decodeEvent, decodeMasterId, decodingAgents } from "../../../../lib/mesos/operator/decode-event.ts";
import * as messages from "../../../support/mesos-messages.ts";

const agent = { id: "ab-S3", hostname: "node-3.example" };
const known = { id: "ab-S3", name: "node-3.example" };

function decode(event: unknown, report: (problem: string) => void = () => {}) {
	return decodeEvent(typeof event === "string" ? event : JSON.stringify(event), report);
}

function decodeAgents(answer: string) {
	const decoding = decodingAgents(() => {});
	const bytes = Buffer.from(answer);
	for (let at = 0; at < bytes.byteLength; at += 1000) decoding.push(bytes.subarray(at, at + 1000));
	return decoding.end();
}

describe("events", () => {
	test("of agents", () => {
		expect(decode(messages.agentAdded(agent))).toEqual({ kind: "added", agent: known });
		expect(decode(messages.agentRemoved(agent))).toEqual({ kind: "removed", id: "ab-S3" });
	});

	test.each([
		["TASK_UNREACHABLE", undefined, "unreachable"],
		["TASK_UNREACHABLE", "REASON_AGENT_REMOVED", "unreachable"],
		["TASK_LOST", "REASON_AGENT_REMOVED", "unreachable"],
		["TASK_LOST", "REASON_SLAVE_REMOVED", "unreachable"],
		["TASK_GONE_BY_OPERATOR", "REASON_SLAVE_REMOVED_BY_OPERATOR", "gone"],
		["TASK_LOST", "REASON_AGENT_REMOVED_BY_OPERATOR", "gone"],
		["TASK_LOST", "REASON_SLAVE_REMOVED_BY_OPERATOR", "gone"],
		["TASK_RUNNING", undefined, "running"],
	])("of a task, %s %s", (state, reason, sign) => {
		expect(decode(messages.taskUpdated(agent, state, reason))).toEqual({ kind: "task", id: "ab-S3", sign });
	});

	test.each([
		["TASK_LOST", "REASON_EXECUTOR_TERMINATED"],
		["TASK_LOST", undefined],
		["TASK_FAILED", "REASON_AGENT_RESTARTED"],
		["TASK_FINISHED", undefined],
	])("of a task that say nothing of its agent, %s %s", (state, reason) => {
		expect(decode(messages.taskUpdated(agent, state, reason))).toBeUndefined();
	});

	test("that are of no interest, or not known", () => {
		expect(decode(messages.heartbeat)).toBeUndefined();
		expect(decode({ type: "FRAMEWORK_ADDED", framework_added: { framework: {} } })).toBeUndefined();
		expect(decode({})).toBeUndefined();
	});

	test("the first has all agents, and how often the heart beats", () => {
		const other = { id: "ab-S4", hostname: "node-4" };
		expect(decode(messages.subscribed({ agents: [agent], recovered: [other] }, 0.5))).toEqual({
			kind: "subscribed",
			lists: { registered: [known], recovered: [{ id: "ab-S4", name: "node-4" }] },
			heartbeatMs: 500,
		});
		expect(decode(messages.subscribed({ agents: [] }))).toMatchObject({ lists: { registered: [], recovered: [] } });
		for (const insane of [0, -1, 1e9]) {
			expect(decode(messages.subscribed({ agents: [] }, insane))).toMatchObject({ heartbeatMs: 15_000 });
		}
		expect(decode({ type: "SUBSCRIBED", subscribed: {} })).toMatchObject({ lists: undefined });
	});
});

describe("what a hostile or broken master sends", () => {
	test.each([
		["", "no JSON"],
		["{", "no JSON"],
		["[]", "JSON that is no object"],
		["null", "JSON that is no object"],
		["7", "JSON that is no object"],
		[`${"[".repeat(1_000_000)}`, "no JSON"],
		[{ type: "AGENT_REMOVED" }, "without an id"],
		[{ type: "AGENT_REMOVED", agent_removed: { agent_id: { value: 7 } } }, "without an id"],
		[{ type: "AGENT_REMOVED", agent_removed: { agent_id: { value: "a\u001b[31m" } } }, "without an id"],
		[{ type: "AGENT_REMOVED", agent_removed: { agent_id: { value: "x".repeat(257) } } }, "without an id"],
		[{ type: "AGENT_ADDED", agent_added: { agent: { agent_info: { id: { value: "S1" } } } } }, "without a host's name"],
		[{ type: "AGENT_ADDED", agent_added: { agent: [] } }, "without an id"],
		[{ type: "SUBSCRIBED", subscribed: { get_state: { get_agents: 7 } } }, "list of agents is none"],
		[{ type: "SUBSCRIBED", subscribed: { get_state: { get_agents: { agents: {} } } } }, "list of agents is none"],
		[{ type: "SUBSCRIBED", subscribed: { get_state: { get_agents: { agents: [7] } } } }, "without an id"],
	])("%.80j is refused", (event, error) => expect(() => decode(event)).toThrow(error));

	test.each(["", "-a", "../a", "a/b", "a b", "a\nb", "ä", "x".repeat(254)])(
		"an agent on a host %.20j is passed over, and that is said",
		(hostname) => {
			const problems: string[] = [];
			const event = messages.subscribed({ agents: [{ id: "ab-S4", hostname }, agent] });
			const decoded = decode(event, (problem) => problems.push(problem));
			expect(decoded).toMatchObject({ lists: { registered: [known] } });
			expect(problems).toEqual([`the agent "ab-S4" is passed over: it calls its host ${JSON.stringify(hostname)}`]);
		},
	);

	test("keys of every object's prototype are no keys", () => {
		expect(decodeMasterId('{"get_master":{"master_info":{"__proto__":{"id":"x"}}}}')).toBeUndefined();
	});
});

describe("answers", () => {
	test("have all agents; one without them is none", () => {
		const answer = JSON.stringify(messages.getAgents({ agents: [agent] }));
		expect(decodeAgents(answer)).toEqual({ registered: [known], recovered: [] });
		const both = messages.getAgents({ agents: [], recovered: [agent] });
		expect(decodeAgents(JSON.stringify(both))).toEqual({ registered: [], recovered: [known] });
	});

	test.each([
		['{"type":"GET_AGENTS"}', "list of agents is none"],
		['{"get_agents":[]}', "list of agents is none"],
		['{"get_agents":{"agents":{}}}', "list of agents is none"],
		['{"get_agents":{"agents":"x"}}', "list of agents is none"],
		['{"get_agents":{"agents":[0]}}', "without an id"],
		['{"get_agents":{"agents":[[0]]}}', "JSON that is no object"],
		['{"get_agents":{"agents":[{"agent_info":7}]}}', "without an id"],
		['{"get_agents":{"agents":[{"agent_info":{,}}]}}', "no JSON"],
		['{"get_agents":{"agents":[{}', "no JSON"],
		['{"get_agents":{"agents":[', "no JSON"],
		['{"get_agents":{"agents":[]}}}', "no JSON"],
		["[[[[[", "no JSON"],
		["]]]]", "no JSON"],
		["", "no JSON"],
		[`{"get_agents":{"agents":[{"x":"${"x".repeat(2 ** 20)}"}]}}`, "a part that is too long"],
		[`{"get_agents":{"agents":"${"x".repeat(2 ** 24)}"}}`, "a part that is too long"],
	])("that are broken are none, %.60j", (answer, error) => {
		expect(() => decodeAgents(answer)).toThrow(error);
	});

	test("have the master's id, or not", () => {
		expect(decodeMasterId(JSON.stringify(messages.getMaster("ab")))).toBe("ab");
		expect(decodeMasterId("{}")).toBeUndefined();
	});
});

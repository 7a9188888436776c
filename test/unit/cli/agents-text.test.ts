import { expect, test } from "@jest/globals";
import { agentsText, agentToJson, type ListedAgent } from "../../../lib/cli/agents/agents-text.ts";
import type { AgentState } from "../../../lib/ipam/etcd-store/agent.ts";

const now = 1_764_000_000_000;
const minute = 60_000;
const cluster = { prefix: "/cni-suite", endpoints: ["http://10.0.0.1:2379"] };

function agent(name: string, state: Partial<AgentState> = {}, more: Partial<ListedAgent> = {}): ListedAgent {
	const seen = { agent: name, state: { lostSince: undefined, ...state }, kv: undefined };
	return { agent: name, cluster, seen, alive: undefined, reports: false, holdings: [], ...more };
}

const alive = { since: now - 3 * 3_600_000, host: "h1", boot: "b" };
const marked = { lostSince: now - 4 * minute, releaseAt: now + 6 * minute };
const agents = [
	agent("a1", {}, { alive, reports: true, holdings: [{ network: "n", attachments: 8, addresses: 16, blocks: 2 }] }),
	agent("a2", marked, { reports: true }),
	agent("a3", { ...marked, releaseAt: now - 1, releaseAtIn: { slow: now + 90 * minute } }),
	agent("a4", { ...marked, gone: true }),
	agent("a5", { ...marked, releasedAt: now - minute }),
	agent("a6", {}, { reports: true }),
	agent("a7"),
	// Back, and not yet unmarked.
	agent("a8", marked, { alive }),
];

test("the list has each agent's state, and when what it holds is released", () => {
	const lines = agentsText(agents, now).split("\n");
	expect(lines.map((line) => line.replace(/ {2,}/g, "|"))).toEqual([
		"AGENT|STATE|SINCE|ATTACHMENTS|ADDRESSES|BLOCKS|RELEASED",
		"a1|alive|3h|8|16|2|-",
		"a2|lost|4m|0|0|0|in 6m",
		"a3|lost|4m|0|0|0|due, slow in 90m",
		"a4|gone|4m|0|0|0|due",
		"a5|gone|4m|0|0|0|60s ago",
		"a6|silent|-|0|0|0|-",
		"a7|-|-|0|0|0|-",
		"a8|alive|3h|0|0|0|-",
		"",
	]);
});

test("agents of several clusters are told apart; a name that etcd has from elsewhere commands no terminal", () => {
	const other = { prefix: "/other", endpoints: ["https://x:1", "https://y:2"] };
	const text = agentsText([agent("a1"), agent("\u001b[2J", {}, { cluster: other })], now);
	expect(text).toMatch(/^AGENT .* PREFIX +ENDPOINTS\n/);
	expect(text).toMatch(/ \/other +https:\/\/x:1,https:\/\/y:2\n/);
	expect(text).not.toContain("\u001b");
});

test("--json has the times", () => {
	expect(agentToJson(agents[2] as ListedAgent)).toMatchObject({
		agent: "a3",
		state: "lost",
		lostSince: "2025-11-24T15:56:00.000Z",
		releaseAt: "2025-11-24T15:59:59.999Z",
		releaseAtIn: { slow: "2025-11-24T17:30:00.000Z" },
		addresses: 0,
	});
	expect(agentToJson(agents[0] as ListedAgent)).toMatchObject({ state: "alive", host: "h1", addresses: 16, blocks: 2 });
});

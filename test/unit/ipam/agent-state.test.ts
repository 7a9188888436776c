import { expect, test } from "@jest/globals";
import { graceIn } from "../../../lib/cluster/agents/grace.ts";
import { type AgentState, formatAgent, parseAgent } from "../../../lib/ipam/etcd-store/agent.ts";

const nobody: AgentState = { lostSince: undefined };

test("a mark is read as it was written", () => {
	const state: AgentState = {
		lostSince: 1,
		releaseAt: 2,
		releaseAtIn: { slow: 3 },
		gone: true,
		why: 'it said "bye"',
		releasedAt: 4,
	};
	expect(parseAgent(formatAgent(state))).toEqual(state);
	expect(formatAgent({ lostSince: 1 })).toBe('{"lost":1}');
	expect(formatAgent(nobody)).toBe("");
});

test.each(["", "null", "[]", "7", '"lost"', "{", '{"lost":"now"}', '{"gone":true}', '{"release":5}'])(
	"%j is no mark",
	(text) => {
		expect(parseAgent(text).lostSince).toBeUndefined();
	},
);

test("what is damaged in a mark is not there", () => {
	const text = '{"lost":1,"release":"soon","networks":{"a":2,"b":"c"},"gone":1,"why":{},"released":[]}';
	expect(parseAgent(text)).toEqual({ lostSince: 1, releaseAtIn: { a: 2 }, gone: false });
	expect(parseAgent('{"lost":1,"networks":5}')).toMatchObject({ releaseAtIn: {} });
});

test("the mark says how long to wait; where it does not, who releases does; who is gone does not wait", () => {
	const grace = { defaultMs: 100, ofNetworkMs: new Map([["slow", 1000]]) };
	const wait = (state: AgentState, network: string) => graceIn(state, { network, grace });
	const marked = { lostSince: 5, releaseAt: 50, releaseAtIn: { slow: 500 } };
	expect([wait(marked, "net"), wait(marked, "slow")]).toEqual([45, 495]);
	expect([wait({ lostSince: 5 }, "net"), wait({ lostSince: 5 }, "slow")]).toEqual([100, 1000]);
	expect(wait(marked, "constructor")).toBe(45);
	expect(wait({ ...marked, gone: true }, "slow")).toBe(0);
	expect(wait(nobody, "net")).toBe(Number.POSITIVE_INFINITY);
});

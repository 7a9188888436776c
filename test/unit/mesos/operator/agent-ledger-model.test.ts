import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Sighting } from "../../../../lib/cluster/agent-source.ts";
import { createAgentLedger, type LedgerEvent } from "../../../../lib/mesos/operator/agent-ledger.ts";
import type { AgentLists, KnownAgent } from "../../../../lib/mesos/operator/master-event.ts";

/** What happens to a cluster, or on the way from it to us. */
type Step =
	| { readonly what: "register"; readonly host: number; readonly anew: boolean }
	| { readonly what: "leave"; readonly host: number; readonly how: "silent" | "unreachable" | "removed" | "gone" }
	| { readonly what: "fail over"; readonly remembers: boolean }
	| { readonly what: "drop"; readonly host: number }
	| { readonly what: "deliver"; readonly which: number; readonly again: boolean }
	| { readonly what: "ask" }
	| { readonly what: "answer" }
	| { readonly what: "wait"; readonly milliseconds: number };

const hosts = 4;
const host = fc.nat(hosts - 1);
const steps = fc.array(
	fc.oneof(
		fc.record({ what: fc.constant("register" as const), host, anew: fc.boolean() }),
		fc.record({
			what: fc.constant("leave" as const),
			host,
			how: fc.constantFrom("silent" as const, "unreachable" as const, "removed" as const, "gone" as const),
		}),
		fc.record({ what: fc.constant("fail over" as const), remembers: fc.boolean() }),
		fc.record({ what: fc.constant("drop" as const), host }),
		fc.record({ what: fc.constant("deliver" as const), which: fc.nat(20), again: fc.boolean() }),
		fc.record({ what: fc.constant("ask" as const) }),
		fc.record({ what: fc.constant("answer" as const) }),
		fc.record({ what: fc.constant("wait" as const), milliseconds: fc.nat(80) }),
	),
	{ maxLength: 60 },
);

const timeoutMs = 100;

/**
 * A cluster whose events reach the ledger late, twice and in any order, and whose lists are old when they arrive. A stream
 * that breaks takes what was under way with it.
 */
function play(given: readonly Step[]) {
	const ledger = createAgentLedger({ reregisterTimeoutMs: timeoutMs, known: [] });
	const registered = new Map<string, KnownAgent>();
	const recovered = new Map<string, KnownAgent>();
	const latest = new Map<number, KnownAgent>();
	let underWay: LedgerEvent[] = [];
	let answer: { lists: AgentLists; askedAt: number } | undefined;
	let now = 0;
	let masters = 0;
	let masterSince = 0;
	let ids = 0;
	/** By this master. */
	const had = new Set<string>();
	const addedSinceAsked = new Set<string>();
	const told = new Map<string, Sighting["state"]>();

	const lists = (): AgentLists => ({ registered: [...registered.values()], recovered: [...recovered.values()] });
	const apply = (event: LedgerEvent) => {
		for (const { agent, state } of ledger.apply(event, now).sightings) {
			expect(told.get(agent)).not.toBe(state);
			told.set(agent, state);
			if (state === "present") continue;
			// Only a list takes an agent away, and only one that does not have it, from a master that may say so.
			if (event.kind !== "lists") throw new Error(`${event.kind} has taken "${agent}" away`);
			const isListed = [...event.lists.registered, ...event.lists.recovered].some(({ name }) => name === agent);
			expect(isListed).toBe(false);
			expect(addedSinceAsked.has(agent)).toBe(false);
			if (!had.has(agent)) expect(now - masterSince).toBeGreaterThanOrEqual(timeoutMs);
		}
		if (event.kind === "lists")
			for (const { name } of [...event.lists.registered, ...event.lists.recovered]) had.add(name);
		if (event.kind !== "added") return;
		had.add(event.agent.name);
		addedSinceAsked.add(event.agent.name);
	};
	const begin = () => {
		masters++;
		masterSince = now;
		had.clear();
		underWay = [];
		answer = undefined;
		addedSinceAsked.clear();
		apply({ kind: "master", master: { id: `m${masters}`, address: `m${masters}` } });
		apply({ kind: "lists", lists: lists(), askedAt: ledger.position() });
	};
	const take = (step: Step) => {
		switch (step.what) {
			case "register": {
				const old = latest.get(step.host);
				const agent = old === undefined || step.anew ? { id: `S${ids++}`, name: `h${step.host}` } : old;
				if (old !== undefined) recovered.delete(old.id);
				if (old !== undefined && old.id !== agent.id && registered.delete(old.id)) {
					underWay.push({ kind: "removed", id: old.id });
				}
				latest.set(step.host, agent);
				if (!registered.has(agent.id)) underWay.push({ kind: "added", agent });
				registered.set(agent.id, agent);
				return;
			}
			case "leave": {
				const agent = latest.get(step.host);
				if (agent === undefined || !registered.delete(agent.id)) return;
				if (step.how === "removed") underWay.push({ kind: "removed", id: agent.id });
				if (step.how === "unreachable" || step.how === "gone") {
					underWay.push({ kind: "task", id: agent.id, sign: step.how });
				}
				// Such a one comes back as another.
				if (step.how === "removed" || step.how === "gone") latest.delete(step.host);
				return;
			}
			case "fail over":
				if (step.remembers) for (const agent of registered.values()) recovered.set(agent.id, agent);
				else recovered.clear();
				registered.clear();
				return begin();
			case "drop": {
				const agent = latest.get(step.host);
				if (agent !== undefined) recovered.delete(agent.id);
				return;
			}
			case "deliver": {
				const at = step.which % Math.max(1, underWay.length);
				const event = underWay[at];
				if (event === undefined) return;
				if (!step.again) underWay.splice(at, 1);
				return apply(event);
			}
			case "ask":
				if (answer !== undefined) return;
				answer = { lists: lists(), askedAt: ledger.position() };
				addedSinceAsked.clear();
				return;
			case "answer":
				if (answer !== undefined) apply({ kind: "lists", ...answer });
				answer = undefined;
				return;
			case "wait":
				now += step.milliseconds;
		}
	};
	begin();
	for (const step of given) take(step);
	// In the end everything arrives, and somebody asks.
	for (const event of underWay) apply(event);
	now += timeoutMs;
	recovered.clear();
	addedSinceAsked.clear();
	apply({ kind: "lists", lists: lists(), askedAt: ledger.position() });
	const present = new Set([...registered.values()].map(({ name }) => name));
	for (const [name, state] of told) expect([name, state === "present"]).toEqual([name, present.has(name)]);
	for (const name of present) expect(told.get(name)).toBe("present");
}

test("whatever reaches us late, twice or in another order: who lives is not lost, and in the end all is known", () => {
	fc.assert(fc.property(steps, play), { numRuns: 2000 });
});

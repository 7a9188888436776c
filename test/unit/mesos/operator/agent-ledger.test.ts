import { describe, expect, test } from "@jest/globals";
import { createAgentLedger, type LedgerEvent } from "../../../../lib/mesos/operator/agent-ledger.ts";
import type { KnownAgent, TaskSign } from "../../../../lib/mesos/operator/master-event.ts";

const [a, b] = [
	{ id: "m1-S1", name: "a" },
	{ id: "m1-S2", name: "b" },
];
const timeout = 600_000;

/** A ledger that is told things, and says `lost a: why`, or `ask`. */
function openLedger({ known = [] }: { known?: readonly string[] } = {}) {
	const ledger = createAgentLedger({ reregisterTimeoutMs: timeout, known });
	let now = 1000;
	const tell = (event: LedgerEvent): string[] => {
		const { sightings, ask } = ledger.apply(event, now);
		return [...sightings.map(({ state, agent }) => `${state} ${agent}`), ...(ask ? ["ask"] : [])];
	};
	return {
		ledger,
		tell,
		master: (id: string) => void tell({ kind: "master", master: { id, address: `${id}:5050` } }),
		lists: (
			registered: readonly KnownAgent[],
			recovered: readonly KnownAgent[] = [],
			askedAt: number = ledger.position(),
		) => tell({ kind: "lists", lists: { registered, recovered }, askedAt }),
		added: (agent: KnownAgent) => tell({ kind: "added", agent }),
		removed: ({ id }: KnownAgent) => tell({ kind: "removed", id }),
		task: ({ id }: KnownAgent, sign: TaskSign) => tell({ kind: "task", id, sign }),
		wait: (milliseconds: number) => {
			now += milliseconds;
		},
	};
}

/** One that master m1 has told of a and b. */
function withTwo() {
	const opened = openLedger();
	opened.master("m1");
	expect(opened.lists([a, b])).toEqual(["present a", "present b"]);
	return opened;
}

describe("agents of a master", () => {
	test("are present when they are listed or added, and are told once", () => {
		const { lists, added } = withTwo();
		expect(lists([a, b])).toEqual([]);
		expect(added(a)).toEqual([]);
		expect(added({ id: "m1-S3", name: "c" })).toEqual(["present c"]);
	});

	test("a reason names the master", () => {
		const { ledger } = openLedger();
		ledger.apply({ kind: "master", master: { id: "m1", address: "10.0.0.5:5050" } }, 0);
		const reasonOf = (event: LedgerEvent) => ledger.apply(event, 0).sightings[0]?.reason;
		const lists = (registered: readonly KnownAgent[]): LedgerEvent => ({
			kind: "lists",
			lists: { registered, recovered: [] },
			askedAt: ledger.position(),
		});
		expect(reasonOf(lists([a]))).toBe("it is registered with master 10.0.0.5:5050");
		expect(reasonOf(lists([]))).toBe("master 10.0.0.5:5050 has it no more");
		reasonOf(lists([a]));
		reasonOf({ kind: "task", id: a.id, sign: "unreachable" });
		expect(reasonOf(lists([]))).toBe("master 10.0.0.5:5050 cannot reach it");
		reasonOf(lists([a]));
		reasonOf({ kind: "removed", id: a.id });
		expect(reasonOf(lists([]))).toBe("master 10.0.0.5:5050 has removed it");
		reasonOf(lists([a]));
		reasonOf({ kind: "task", id: a.id, sign: "gone" });
		expect(reasonOf(lists([]))).toBe("an operator has told master 10.0.0.5:5050 that it is gone");
	});
});

describe("the ways in which an agent goes away", () => {
	test("it unregisters, or is replaced at its address: gone", () => {
		const { task, removed, lists } = withTwo();
		expect(task(a, "unreachable")).toEqual(["ask"]);
		expect(removed(a)).toEqual(["ask"]);
		expect(task(a, "unreachable")).toEqual(["ask"]);
		expect(lists([b])).toEqual(["gone a"]);
	});

	test("it does not answer the health checks: lost, by its tasks or, without any, by the next list", () => {
		const { task, lists } = withTwo();
		expect(task(a, "unreachable")).toEqual(["ask"]);
		expect(lists([b])).toEqual(["lost a"]);
		expect(lists([])).toEqual(["lost b"]);
	});

	test("it does not come back after a failover: lost, when the master drops it", () => {
		const { master, lists, wait } = withTwo();
		master("m2");
		expect(lists([b], [a])).toEqual([]);
		wait(timeout - 1);
		expect(lists([b], [a])).toEqual([]);
		expect(lists([b])).toEqual(["lost a"]);
	});

	test("an operator gives it up: gone, by its tasks", () => {
		const { task, lists } = withTwo();
		expect(task(a, "gone")).toEqual(["ask"]);
		expect(lists([b])).toEqual(["gone a"]);
	});

	test("an operator gives up one that has no tasks, or has only been recovered: lost, by the next list", () => {
		const { lists, master } = withTwo();
		expect(lists([a])).toEqual(["lost b"]);
		master("m2");
		expect(lists([], [a])).toEqual([]);
		expect(lists([])).toEqual(["lost a"]);
	});

	test("an operator gives up one that is lost already: gone", () => {
		const { task, lists } = withTwo();
		task(a, "unreachable");
		expect(lists([b])).toEqual(["lost a"]);
		expect(task(a, "unreachable")).toEqual([]);
		expect(task(a, "gone")).toEqual(["ask"]);
		expect(lists([b])).toEqual(["gone a"]);
		expect(task(a, "gone")).toEqual([]);
		expect(lists([b])).toEqual([]);
	});
});

describe("an agent that was lost", () => {
	function withLost() {
		const opened = withTwo();
		opened.task(a, "unreachable");
		expect(opened.lists([b])).toEqual(["lost a"]);
		return opened;
	}

	test("is present when it is added again", () => {
		const { added, lists } = withLost();
		expect(added(a)).toEqual(["present a", "ask"]);
		expect(lists([a, b])).toEqual([]);
	});

	test("is present when a task of it runs and the list has it", () => {
		const { task, lists } = withLost();
		expect(task(a, "running")).toEqual(["ask"]);
		expect(lists([a, b])).toEqual(["present a"]);
		expect(task(a, "running")).toEqual([]);
	});

	test("is not present for a task that was said to run before", () => {
		const { task, lists } = withLost();
		expect(task(a, "running")).toEqual(["ask"]);
		expect(lists([b])).toEqual([]);
	});

	test("is lost again, each time it is", () => {
		const { added, lists } = withLost();
		added(a);
		expect(lists([b])).toEqual(["lost a"]);
	});
});

describe("agents that live are not lost", () => {
	test("by signs that come late, after they have come back, or twice", () => {
		const { task, removed, lists } = withTwo();
		for (const sign of [() => task(a, "unreachable"), () => task(a, "gone"), () => removed(a)]) {
			expect(sign()).toEqual(["ask"]);
			expect(sign()).toEqual(["ask"]);
			expect(lists([a, b])).toEqual([]);
		}
		// What was refuted is no reason for the next time.
		expect(lists([b])).toEqual(["lost a"]);
	});

	test("by a list that was asked for before they were added, or recovered", () => {
		const { ledger, added, lists, master } = withTwo();
		const askedAt = ledger.position();
		expect(added({ id: "m1-S3", name: "c" })).toEqual(["present c"]);
		expect(lists([a, b], [], askedAt)).toEqual([]);
		master("m2");
		lists([b], [a]);
		const before = ledger.position();
		added(a);
		expect(lists([b], [a], before)).toEqual([]);
		expect(lists([b])).toEqual(["lost a"]);
	});

	test("by a sign that came after the list was asked for: it is looked at again", () => {
		const { ledger, removed, lists } = withTwo();
		const askedAt = ledger.position();
		expect(removed(a)).toEqual(["ask"]);
		expect(lists([a, b], [], askedAt)).toEqual([]);
		expect(lists([b])).toEqual(["gone a"]);
		const { ledger: other, ...again } = withTwo();
		again.removed(a);
		const second = other.position();
		again.removed(a);
		again.lists([a, b], [], second);
		expect(again.lists([b])).toEqual(["gone a"]);
	});

	test("by a new master that waits for half of them", () => {
		const { master, lists, added, wait } = withTwo();
		master("m2");
		expect(lists([a], [b])).toEqual([]);
		wait(10 * timeout);
		expect(lists([a], [b])).toEqual([]);
		expect(added(b)).toEqual([]);
	});

	test("by a new master whose memory is empty, until it has waited as long as masters wait", () => {
		const { master, lists, added, wait } = withTwo();
		master("m2");
		expect(lists([])).toEqual([]);
		wait(timeout - 1);
		expect(lists([])).toEqual([]);
		expect(added(a)).toEqual(["ask"]);
		wait(1);
		expect(lists([a])).toEqual(["lost b"]);
	});

	test("by the same master after the stream was broken, unless they are not there", () => {
		const { master, lists } = withTwo();
		master("m1");
		expect(lists([a])).toEqual(["lost b"]);
	});

	test("by what is said of ids that nobody knows", () => {
		const { task, removed } = withTwo();
		const nobody = { id: "m1-S99", name: "a" };
		expect([task(nobody, "gone"), removed(nobody), task(nobody, "running")]).toEqual([[], [], []]);
	});
});

describe("two agents under one name", () => {
	const newer = { id: "m1-S9", name: "a" };

	test("are one: what becomes of the older says nothing while the newer is there", () => {
		const { added, removed, lists, task } = withTwo();
		expect(added(newer)).toEqual([]);
		expect(removed(a)).toEqual(["ask"]);
		expect(lists([b, newer])).toEqual([]);
		expect(task(a, "gone")).toEqual([]);
		expect(removed(newer)).toEqual(["ask"]);
		expect(lists([b])).toEqual(["gone a"]);
	});

	test("the newer one ends the absence of the older", () => {
		const { removed, lists, added } = withTwo();
		removed(a);
		expect(lists([b])).toEqual(["gone a"]);
		expect(added(newer)).toEqual(["present a"]);
		expect(removed(a)).toEqual([]);
		expect(lists([b])).toEqual(["lost a"]);
	});

	test("a name is waited for as long as one of them is", () => {
		const { master, lists, added } = withTwo();
		added(newer);
		master("m2");
		expect(lists([newer, b], [a])).toEqual([]);
		expect(lists([b], [a])).toEqual([]);
		expect(lists([b])).toEqual(["lost a"]);
	});
});

describe("agents that were known before we came", () => {
	test("are lost when a master has not heard of them in its time, and not before", () => {
		const { master, lists, wait } = openLedger({ known: ["a", "b", "c"] });
		master("m1");
		expect(lists([b], [a])).toEqual(["present b"]);
		wait(timeout - 1);
		expect(lists([b], [a])).toEqual([]);
		wait(1);
		expect(lists([b], [a])).toEqual(["lost c"]);
		expect(lists([b])).toEqual(["lost a"]);
		expect(lists([b, { id: "m1-S7", name: "c" }])).toEqual(["present c"]);
	});

	test("are like others as soon as they have been seen", () => {
		const { master, lists } = openLedger({ known: ["a"] });
		master("m1");
		expect(lists([a])).toEqual(["present a"]);
		expect(lists([])).toEqual(["lost a"]);
	});
});

test("of agents without an end only so many are taken, until a list says which there are", () => {
	const { master, lists, added } = openLedger();
	master("m1");
	for (let count = 0; count < 200_000; count++) added({ id: `S${count}`, name: `h${count}` });
	expect(added(b)).toEqual(["ask"]);
	expect(lists([a])).toHaveLength(200_001);
	expect(added(b)).toEqual(["present b"]);
});

test("of agents without an end under one name the last are taken", () => {
	const { master, added } = openLedger();
	master("m1");
	const sightings = Array.from({ length: 50_000 }, (_, count) => added({ id: `S${count}`, name: "a" }));
	expect(sightings.flat()).toEqual(["present a"]);
});

test("of many that are away only so many are remembered", () => {
	const { master, lists } = openLedger();
	master("m1");
	const many = Array.from({ length: 30_000 }, (_, index) => ({ id: `S${index}`, name: `h${index}` }));
	expect(lists(many)).toHaveLength(30_000);
	expect(lists([])).toHaveLength(30_000);
	expect(lists(many)).toHaveLength(30_000);
});

import { describe, expect, test } from "@jest/globals";
import { FileError } from "../../../../lib/http/file-error.ts";
import { agentAdded, agentRemoved, heartbeat, record, taskUpdated } from "../../../support/mesos-messages.ts";
import { type FakeCluster, type FakeMaster, fakeCluster, redirection, whole } from "./fake-cluster.ts";

const [a, b] = [
	{ id: "m1-S1", hostname: "a" },
	{ id: "m1-S2", hostname: "b" },
];

/** One master, with the agents a and b, that beats every 15 seconds while time passes. */
async function withMaster(options: Parameters<typeof fakeCluster>[1] = {}): Promise<FakeCluster & { m1: FakeMaster }> {
	const cluster = fakeCluster(["http://m1"], options);
	const m1 = cluster.master("m1:5050");
	m1.lists = { agents: [a, b] };
	expect(await cluster.watch()).toEqual(["present a", "present b"]);
	return { ...cluster, m1 };
}

function beat(cluster: Pick<FakeCluster, "later">, master: FakeMaster): void {
	cluster.later(15_000, () => {
		master.say(heartbeat);
		beat(cluster, master);
	});
}

describe("a master's agents", () => {
	test("are told at once, by what it begins with", async () => {
		const { now, log, m1 } = await withMaster();
		expect(now()).toBe(0);
		expect(log).toEqual(['Watching agents at "http://m1"']);
		expect(m1.calls).toEqual(["GET_MASTER 0", "SUBSCRIBE 0"]);
		expect(m1.headers.split("\r\n")).toEqual([
			"POST /api/v1 HTTP/1.1",
			"Host: m1:5050",
			"Content-Type: application/json",
			expect.stringMatching(/^Content-Length: \d+$/),
			"Accept: application/json",
		]);
	});

	test("are told when they come and go, within a second", async () => {
		const { watch, later, m1, now } = await withMaster();
		later(5000, () => m1.say(agentAdded({ id: "m1-S3", hostname: "c" })));
		expect([await watch(), now()]).toEqual([["present c"], 5000]);
		later(1000, () => {
			m1.lists = { agents: [b] };
			m1.say(taskUpdated(a, "TASK_LOST", "REASON_AGENT_REMOVED"), agentRemoved(a));
		});
		expect([await watch(), now()]).toEqual([["gone a", "lost c"], 6000]);
	});

	test("are asked for every minute, which finds what no event tells of", async () => {
		const cluster = await withMaster();
		beat(cluster, cluster.m1);
		cluster.m1.lists = { agents: [b] };
		expect(await cluster.watchFor(59_999)).toEqual([]);
		expect(await cluster.watchFor(1001)).toEqual(["lost a"]);
		await cluster.watchFor(60_000);
		expect(cluster.m1.calls.filter((call) => call.startsWith("GET_AGENTS"))).toEqual([
			"GET_AGENTS 60000",
			"GET_AGENTS 120000",
		]);
		expect(cluster.m1.open()).toBe(1);
	});

	test("who come back before they are asked for were never away", async () => {
		const { watchFor, m1 } = await withMaster();
		m1.say(taskUpdated(a, "TASK_UNREACHABLE"), agentAdded(a), taskUpdated(a, "TASK_RUNNING"));
		m1.say(taskUpdated(a, "TASK_UNREACHABLE"), agentRemoved(b));
		expect(await watchFor(10_000)).toEqual([]);
	});

	test("a thousand signs are one question", async () => {
		const { watchFor, m1 } = await withMaster();
		for (let count = 0; count < 1000; count++) m1.say(taskUpdated(a, "TASK_UNREACHABLE"));
		await watchFor(10_000);
		expect(m1.calls.filter((call) => call.startsWith("GET_AGENTS"))).toHaveLength(1);
	});

	test("a question that finds no answer is asked again, ever later", async () => {
		const { watchFor, later, m1, log } = await withMaster();
		m1.answer = (call) => (call === "GET_AGENTS" ? whole({}, "500 Oh") : undefined);
		m1.lists = { agents: [b] };
		m1.say(agentRemoved(a));
		later(10_000, () => {
			m1.answer = () => undefined;
		});
		expect(await watchFor(30_000)).toEqual(["gone a"]);
		expect(m1.calls.slice(2).filter((call) => call.startsWith("GET_AGENTS"))).toEqual(
			[0, 1, 3, 7, 15].map((second) => `GET_AGENTS ${1000 + second * 1000}`),
		);
		expect(log.slice(1)).toEqual(Array(4).fill('Cannot ask "http://m1" for its agents: HTTP status 500'));
	});
});

describe("time", () => {
	test("a call waits as long as it may, and no longer, whatever the masters do", async () => {
		for (const state of ["leads", "away", "deaf", "slow", "mute"] as const) {
			const { watch, master, now } = fakeCluster(["http://m1", "http://m2"]);
			for (const name of ["m1:5050", "m2:5050"]) master(name).state = state;
			for (const timeoutMs of [0, 0, 1, 700, 0, 10_000, 100_000]) {
				const before = now();
				expect(await watch(timeoutMs)).toEqual([]);
				expect(now() - before).toBe(timeoutMs);
			}
		}
	});

	test("short calls are as good as long ones", async () => {
		const { watch, master, log } = fakeCluster(["http://m1", "http://m2"]);
		master("m1:5050").state = "deaf";
		master("m2:5050").state = "slow";
		master("m2:5050").lists = { agents: [a] };
		let calls = 0;
		for (; calls < 1000; calls++) if ((await watch(100)).length > 0) break;
		expect(calls).toBe(54);
		expect(log).toEqual([
			'Cannot watch agents at "http://m1": no connection in time',
			'Watching agents at "http://m2"',
		]);
	});

	test("five heartbeats that stay out end a connection", async () => {
		const { watchFor, m1, log } = await withMaster();
		await watchFor(74_999);
		expect(log).toHaveLength(1);
		await watchFor(1);
		expect(log.slice(1)).toEqual([
			'No longer watching agents at "http://m1": it has been silent for 75.0 s. Trying again in 1.0 s',
		]);
		await watchFor(1001);
		expect(log.slice(2)).toEqual(['Watching agents at "http://m1"']);
		expect(m1.open()).toBe(1);
	});

	test("a heart that beats keeps it", async () => {
		const cluster = await withMaster();
		beat(cluster, cluster.m1);
		await cluster.watchFor(3_600_000);
		expect(cluster.log).toHaveLength(1);
	});

	test("who talks without end is left after a time", async () => {
		const { watch, m1, later, now } = await withMaster();
		const talk = () => {
			m1.say(heartbeat);
			later(0.001, talk);
		};
		talk();
		const before = now();
		expect(await watch(1)).toEqual([]);
		expect(now() - before).toBeLessThan(1.1);
	});

	test("rounds that fail come ever later, up to a minute", async () => {
		const { watchFor, log } = fakeCluster(["http://m1", "http://m2"]);
		await watchFor(400_000);
		const pauses = log.flatMap((line) => /again in (.*) s/.exec(line)?.[1] ?? []);
		expect(pauses).toEqual(["1.0", "2.0", "4.0", "8.0", "16.0", "32.0", ...Array(6).fill("60.0")]);
		expect(log.filter((line) => line.includes('"http://m1": connection refused'))).toHaveLength(12);
	});
});

describe("a stream that breaks", () => {
	test.each<[string, (m1: FakeMaster) => void, string]>([
		["between records", (m1) => m1.hangUp(), "the connection was closed"],
		[
			"within a record",
			(m1) => {
				m1.sayBytes(record(agentRemoved(a)).slice(0, 20));
				m1.hangUp();
			},
			"the connection was closed",
		],
		["by bytes that are no length", (m1) => m1.sayBytes("x"), "the stream has a record whose length is no number"],
		["by a record that is no JSON", (m1) => m1.sayBytes("3\nxyz"), "the master sends what is no JSON"],
		["by an event of nobody", (m1) => m1.say({ type: "AGENT_REMOVED" }), "the master speaks of an agent without an id"],
		[
			"by a length without an end",
			(m1) => m1.sayBytes("9".repeat(50)),
			"the stream has a record whose length has no end",
		],
	])("%s is made anew, and what was missed is told", async (_, breaks, cause) => {
		const { watchFor, m1, log } = await withMaster();
		breaks(m1);
		m1.lists = { agents: [b, { id: "m1-S3", hostname: "c" }] };
		expect(await watchFor(1000)).toEqual([]);
		expect(await watchFor(1)).toEqual(["present c", "lost a"]);
		expect(log.slice(1)).toEqual([
			`No longer watching agents at "http://m1": ${cause}. Trying again in 1.0 s`,
			'Watching agents at "http://m1"',
		]);
		expect(m1.open()).toBe(1);
	});

	test("and does not begin with the state is none", async () => {
		const { watch, master, log } = fakeCluster(["http://m1"]);
		const m1 = master("m1:5050");
		const head = "HTTP/1.1 200 OK\r\n\r\n";
		m1.answer = (call) => (call === "SUBSCRIBE" ? head + record(agentAdded(a)) : undefined);
		expect(await watch(1)).toEqual([]);
		expect(log[0]).toContain("the master does not begin with its state");
	});

	test("a state that is too long is passed over, and the agents are asked for", async () => {
		const { watch, master, log, now } = fakeCluster(["http://m1"]);
		const m1 = master("m1:5050");
		m1.lists = { agents: [a] };
		const size = 5 * 1024 * 1024;
		m1.answer = (call) => (call === "SUBSCRIBE" ? `HTTP/1.1 200 OK\r\n\r\n${size}\n${" ".repeat(size)}` : undefined);
		expect([await watch(), now()]).toEqual([["present a"], 0]);
		expect(log).toEqual(['Watching agents at "http://m1"']);
	});
});

describe("masters", () => {
	test("that do not lead say who does", async () => {
		const { watch, master, log } = fakeCluster(["http://m1", "http://m2"]);
		master("m1:5050").answer = () => redirection("//10.0.0.7:5051/api/v1");
		master("10.0.0.7:5051").lists = { agents: [a] };
		expect(await watch()).toEqual(["present a"]);
		expect(log).toEqual(['Watching agents at "http://10.0.0.7:5051"']);
		expect(master("m2:5050").calls).toEqual([]);
	});

	test("that lead in circles are given up, and the next is asked", async () => {
		const { watch, master, log, now } = fakeCluster(["http://m1", "http://m2", "http://m3"]);
		master("m1:5050").answer = () => redirection("//m2:5050/api/v1");
		master("m2:5050").answer = () => redirection("//m1:5050/api/v1");
		master("m3:5050").lists = { agents: [a] };
		expect([await watch(), now()]).toEqual([["present a"], 0]);
		expect(log.slice(0, -1)).toEqual([
			'Cannot watch agents at "http://m2:5050": redirections have no end',
			'Cannot watch agents at "http://m1:5050": redirections have no end',
		]);
		expect(master("m1:5050").calls.length + master("m2:5050").calls.length).toBe(12);
	});

	test("without a leader are asked again", async () => {
		const { watch, master, log, later, now } = fakeCluster(["http://m1", "http://m2"]);
		for (const name of ["m1:5050", "m2:5050"]) master(name).answer = () => whole("", "503 Service Unavailable");
		later(2500, () => {
			master("m1:5050").answer = () => redirection("//m2:5050/api/v1");
			master("m2:5050").answer = () => undefined;
			master("m2:5050").lists = { agents: [a] };
		});
		expect([await watch(), now()]).toEqual([["present a"], 3000]);
		expect(log[0]).toBe('Cannot watch agents at "http://m1": it knows of no leader');
	});

	test("that lead to nowhere, or want to know who asks, are none", async () => {
		const { watch, master, log } = fakeCluster(["http://m1", "http://m2"]);
		master("m1:5050").answer = () => redirection("ftp://x");
		master("m2:5050").answer = () => whole("", "401 Unauthorized");
		expect(await watch(1)).toEqual([]);
		expect(log).toEqual([
			'Cannot watch agents at "http://m1": it leads to no master',
			`Cannot watch agents at "http://m2": it does not let us in. Check the user and the password's file. Trying again in 1.0 s`,
		]);
	});

	test("one leads after the other: agents that it waits for are not lost", async () => {
		const cluster = await withMaster();
		const { m1, master, watchFor } = cluster;
		const m2 = master("m2:5050");
		m2.id = "m2";
		m2.lists = { agents: [], recovered: [a, b] };
		m1.answer = () => redirection("//m2:5050/api/v1");
		m1.hangUp();
		beat(cluster, m2);
		expect(await watchFor(300_000)).toEqual([]);
		m2.lists = { agents: [a], recovered: [b] };
		m2.say(agentAdded(a));
		expect(await watchFor(300_000)).toEqual([]);
		m2.lists = { agents: [a] };
		expect(await watchFor(60_000)).toEqual(["lost b"]);
	});

	test("one begins anew with an empty memory: agents have its time to come back", async () => {
		const cluster = await withMaster();
		const { m1, watchFor } = cluster;
		m1.id = "m1-anew";
		m1.lists = { agents: [] };
		m1.hangUp();
		beat(cluster, m1);
		expect(await watchFor(300_000)).toEqual([]);
		m1.lists = { agents: [{ id: "m1-anew-S0", hostname: "a" }] };
		m1.say(agentAdded({ id: "m1-anew-S0", hostname: "a" }));
		expect(await watchFor(300_000)).toEqual([]);
		expect(await watchFor(61_000)).toEqual(["lost b"]);
	});

	test("that say nothing of themselves are another with each stream", async () => {
		const cluster = await withMaster();
		const { m1, watchFor } = cluster;
		m1.answer = (call) => (call === "GET_MASTER" ? whole("", "403 Forbidden") : undefined);
		m1.lists = { agents: [a] };
		m1.hangUp();
		beat(cluster, m1);
		expect(await watchFor(600_000)).toEqual([]);
		expect(await watchFor(61_000)).toEqual(["lost b"]);
	});

	test("another one at the same address is noticed by a question", async () => {
		const { m1, watchFor, log } = await withMaster();
		m1.id = "m9";
		m1.lists = { agents: [] };
		m1.say(agentRemoved(a));
		expect(await watchFor(5000)).toEqual([]);
		expect(log[1]).toContain("another master answers there than did before");
		expect(log[2]).toBe('Watching agents at "http://m1"');
	});

	test("that stop to lead are left when they say so", async () => {
		const { m1, master, watchFor, log } = await withMaster();
		master("m2:5050").lists = { agents: [a, b] };
		m1.answer = () => redirection("//m2:5050/api/v1");
		m1.say(agentRemoved(a));
		expect(await watchFor(5000)).toEqual([]);
		expect(log[1]).toBe('Watching agents at "http://m2:5050"');
		expect(m1.open()).toBe(0);
	});
});

test("a password's file that cannot be used is tried again, and named", async () => {
	let usable = false;
	const { watch, log, master } = fakeCluster(["http://m1"], {
		authorization() {
			if (!usable) throw new FileError('Cannot use the secret in "/p": it is empty', "Write one");
			return "Basic dTpw";
		},
	});
	const m1 = master("m1:5050");
	m1.lists = { agents: [a] };
	expect(await watch(0)).toEqual([]);
	expect(log).toEqual([
		'Cannot watch agents at "http://m1": Cannot use the secret in "/p": it is empty. Write one. Trying again in 1.0 s',
	]);
	usable = true;
	expect(await watch()).toEqual(["present a"]);
	expect(m1.headers).toContain("\r\nAuthorization: Basic dTpw");
});

test("what a master says for the log commands no terminal", async () => {
	const { watch, log, master } = fakeCluster(["http://m1"]);
	master("m1:5050").answer = () => `HTTP/1.1 200 OK\r\nTransfer-Encoding: \u001b[31m\r\n\r\n`;
	await watch(1);
	expect(log[0]).toContain('the transfer encoding "?[31m"');
});

describe("a source is current", () => {
	test("while a master that has told all its agents is heard", async () => {
		const { source, m1, watchFor } = await withMaster();
		expect(source.isCurrent).toBe(true);
		m1.hangUp();
		await watchFor(500);
		expect(source.isCurrent).toBe(false);
		await watchFor(1000);
		expect(source.isCurrent).toBe(true);
		source[Symbol.dispose]();
		expect(source.isCurrent).toBe(false);
	});

	test("not before the agents have been told, where the master's state is too long", async () => {
		const { source, watchFor, master, log } = fakeCluster(["http://m1"]);
		const tooLong = 5 * 1024 * 1024;
		master("m1:5050").answer = (call) =>
			call === "SUBSCRIBE"
				? `HTTP/1.1 200 OK\r\n\r\n${tooLong}\n${" ".repeat(tooLong)}`
				: call === "GET_AGENTS"
					? whole({}, "500 Oh")
					: undefined;
		await watchFor(10);
		expect([source.isCurrent, log[0]]).toEqual([false, 'Watching agents at "http://m1"']);
		master("m1:5050").answer = () => undefined;
		await watchFor(2000);
		expect(source.isCurrent).toBe(true);
	});
});

test("a source that is closed holds nothing", async () => {
	const { source, m1 } = await withMaster();
	source[Symbol.dispose]();
	expect(m1.open()).toBe(0);
});

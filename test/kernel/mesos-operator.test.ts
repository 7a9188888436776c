import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { MesosMasterOptions } from "../../lib/mesos/operator/open-mesos-master.ts";
import { makeCertificates } from "../support/certificates.ts";
import { type Background, startProgram } from "../support/dhcp.ts";
import { linkProgram } from "../support/link-program.ts";
import { agentAdded, agentRemoved, record, taskUpdated } from "../support/mesos-messages.ts";
import { enter, runIn } from "../support/namespace.ts";
import { startStandInMaster } from "../support/stand-in-master.ts";
import { createWorld, type World } from "../support/world.ts";

const [a, b, c] = [
	{ id: "m1-S1", hostname: "a" },
	{ id: "m1-S2", hostname: "b" },
	{ id: "m1-S3", hostname: "c" },
];

let program: string;
let world: World;

beforeAll(() => {
	program = linkProgram("master-watcher", {
		folder: "master-watcher",
		rooms: ["mesos", "cluster", "http", "linux", "ip", "cni"],
	});
}, 120_000);
beforeEach(() => {
	world = createWorld();
});
afterEach(() => world.dispose());

interface Watcher extends Background {
	/** All that it has said since the last call, once each of these is among it: the beginning of a line, or a pattern. */
	heard(...wanted: readonly (string | RegExp)[]): Promise<string[]>;
	lines(): readonly string[];
}

let watchers = 0;

function startWatcher(
	masters: readonly string[],
	options: Partial<MesosMasterOptions> & { watchMs?: number } = {},
): Watcher {
	const settings = JSON.stringify({ masters, watchMs: 200, ...options });
	const watcher = startProgram(world, {
		command: enter(world.host, [program, settings]),
		logFile: join(world.directory, `watcher-${watchers++}.log`),
	});
	const lines = () => watcher.log().split("\n").slice(0, -1);
	let from = 0;
	return {
		...watcher,
		lines,
		async heard(...wanted) {
			const isHeard = (line: string, pattern: string | RegExp) =>
				typeof pattern === "string" ? line.startsWith(pattern) : pattern.test(line);
			const end = Date.now() + 20_000;
			for (;;) {
				const news = lines().slice(from);
				const missing = wanted.filter((pattern) => !news.some((line) => isHeard(line, pattern)));
				if (missing.length === 0) {
					from += news.length;
					return news;
				}
				if (Date.now() > end) throw new Error(`not heard: ${missing.join("; ")}\nbut:\n${lines().join("\n")}`);
				await new Promise((resolve) => setTimeout(resolve, 10));
			}
		},
	};
}

const lost = (lines: readonly string[]) => lines.filter((line) => /^(lost|gone|over|error)/.test(line));

describe("a master's stream", () => {
	test("agents come and go, however the stream is cut", async () => {
		for (const pieces of [1, 7, 4096]) {
			const master = await startStandInMaster(world, {
				port: 5050 + pieces,
				state: { lists: { agents: [a, b] }, pieces },
			});
			const watcher = startWatcher([master.url]);
			await watcher.heard("present a", "present b");
			await master.set({ lists: { agents: [b, c] } });
			await master.say(agentAdded(c), taskUpdated(a, "TASK_LOST", "REASON_AGENT_REMOVED"), agentRemoved(a));
			expect(await watcher.heard("gone a", "present c")).toContain(
				`gone a: master 127.0.0.1:${5050 + pieces} has removed it`,
			);
			expect(master.calls).toEqual(["GET_MASTER", "SUBSCRIBE", "GET_MASTER", "GET_AGENTS"]);
			watcher.stop();
			await master.kill();
		}
	});

	test("signs that come twice, late or in another order take nobody away", async () => {
		const master = await startStandInMaster(world, { state: { lists: { agents: [a, b] } } });
		const watcher = startWatcher([master.url]);
		await watcher.heard("present a", "present b");
		await master.say(agentAdded(a), taskUpdated(a, "TASK_UNREACHABLE"), taskUpdated(a, "TASK_UNREACHABLE"));
		await master.say(agentRemoved(b), agentAdded(b), taskUpdated(b, "TASK_GONE_BY_OPERATOR"), agentRemoved(b));
		// What comes behind tells that the question has been answered.
		await master.set({ lists: { agents: [a, b, c] } });
		await watcher.heard("present c");
		expect(lost(watcher.lines())).toEqual([]);
		await master.set({ lists: { agents: [a, c] } });
		await master.say(taskUpdated(b, "TASK_UNREACHABLE"));
		await watcher.heard("lost b");
		await master.set({ lists: { agents: [a, b, c] } });
		await master.say(taskUpdated(b, "TASK_RUNNING"));
		await watcher.heard("present b");
	});

	test("silence, and a break within a record, are followed by another stream, which tells what was missed", async () => {
		const master = await startStandInMaster(world, { state: { lists: { agents: [a, b] }, heartbeatSeconds: 0.2 } });
		const watcher = startWatcher([master.url]);
		await watcher.heard("present a", "present b");
		await master.set({ alive: false, lists: { agents: [b] } });
		await watcher.heard("lost a", /log: No longer .* it has been silent for \d+\.\d s\. Trying again in 0\.5 s/);
		await master.set({ heartbeatSeconds: 15 });
		await master.hangUp();
		await watcher.heard(/log: Watching/);
		await master.bytes(record(agentRemoved(b)).slice(0, 20));
		await master.set({ lists: { agents: [a, b] } });
		await master.hangUp();
		expect(lost(await watcher.heard("present a", /log: No longer .* the connection was closed/))).toEqual([]);
	});

	test("a hostile master ends nothing but its streams", async () => {
		const master = await startStandInMaster(world, { state: { lists: { agents: [a] } } });
		const watcher = startWatcher([master.url]);
		await watcher.heard("present a");
		const depth = 500_000;
		for (const [bytes, cause] of [
			[record(`{"type":${"[".repeat(depth)}${"]".repeat(depth)}}`), "the master sends what is no JSON"],
			["99999999999\n", "a record whose length has no end"],
			[
				record({ type: "AGENT_REMOVED", agent_removed: { agent_id: { value: "\u001b[2J" } } }),
				"an agent without an id",
			],
		] as const) {
			await master.bytes(bytes);
			await watcher.heard(cause === undefined ? "" : new RegExp(`log: No longer .* ${cause}`), /log: Watching/);
		}
		// A gigabyte that never comes.
		await master.bytes(`1073741824\n${"x".repeat(100_000)}`);
		await master.say(agentAdded({ id: "m1-S4", hostname: "../../etc" }));
		await master.hangUp();
		await watcher.heard(/log: Watching/);
		await master.say(agentAdded({ id: "m1-S4", hostname: "../../etc" }), agentAdded(b));
		await watcher.heard("present b", 'log: the agent "m1-S4" is passed over: it calls its host "../../etc"');
		expect(lost(watcher.lines())).toEqual([]);
		const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${watcher.pid}/status`, "utf8"))?.[1]);
		expect(peak).toBeLessThan(100_000);
	});
});

describe("masters", () => {
	test("that do not lead say who does; those without a leader are asked again", async () => {
		const [m1, m2] = [
			await startStandInMaster(world, { port: 5050, state: { mode: "leaderless" } }),
			await startStandInMaster(world, { port: 5051, state: { mode: "leaderless", lists: { agents: [a] } } }),
		];
		const watcher = startWatcher([m1.url, "http://127.0.0.1:5052"]);
		await watcher.heard(/5050": it knows of no leader/, /5052": connection refused\. Trying again/);
		await m1.set({ mode: "redirects", leader: "127.0.0.1:5051" });
		await watcher.heard(/5051": it knows of no leader/);
		await m2.set({ mode: "redirects", leader: "127.0.0.1:5050" });
		await watcher.heard(/redirections have no end/);
		await m2.set({ mode: "leads" });
		await watcher.heard(
			'log: Watching agents at "http://127.0.0.1:5051"',
			"present a: it is registered with master 127.0.0.1:5051",
		);
		expect(m1.calls).not.toContain("SUBSCRIBE");
	}, 60_000);

	test("one leads after the other: who has not come back yet is not lost", async () => {
		const lists = { agents: [a, b, c] };
		const m1 = await startStandInMaster(world, { port: 5050, state: { lists } });
		const m2 = await startStandInMaster(world, { port: 5051, state: { mode: "redirects", leader: "127.0.0.1:5050" } });
		const watcher = startWatcher([m1.url, m2.url], { pollIntervalMs: 300, reregisterTimeoutMs: 600_000 });
		await watcher.heard("present a", "present b", "present c");
		await m2.set({ mode: "leads", id: "m2", lists: { agents: [a], recovered: [b] } });
		await m1.kill();
		await watcher.heard(/log: No longer watching/, 'log: Watching agents at "http://127.0.0.1:5051"');
		const asked = m2.calls.length;
		while (m2.calls.length < asked + 5) await new Promise((resolve) => setTimeout(resolve, 10));
		expect(lost(watcher.lines())).toEqual([]);
		await m2.set({ lists: { agents: [a, b, c] } });
		await m2.say(agentAdded(b), agentAdded(c));
		await m2.set({ lists: { agents: [b, c] } });
		expect(await watcher.heard("lost a")).toEqual(["lost a: master 127.0.0.1:5051 has it no more"]);
	});

	test("that take no notice, or never answer, hold nobody up", async () => {
		runIn(world.host, [
			"nft",
			"add table inet t; add chain inet t o { type filter hook output priority 0; }; add rule inet t o tcp dport 5060 drop",
		]);
		await startStandInMaster(world, { port: 5050, state: { mode: "mute" } });
		const m2 = await startStandInMaster(world, { port: 5051, state: { lists: { agents: [a] } } });
		const deaf = "http://127.0.0.1:5060";
		const watcher = startWatcher([deaf, m2.url], { connectTimeoutMs: 700, watchMs: 50 });
		await watcher.heard(`log: Cannot watch agents at "${deaf}": no connection in time`, "present a");
		const other = startWatcher(["http://127.0.0.1:5050"], { watchMs: 50 });
		await new Promise((resolve) => setTimeout(resolve, 500));
		expect([...watcher.lines(), ...other.lines()].filter((line) => line.startsWith("over"))).toEqual([]);
	});
});

describe("who we are", () => {
	test("is told by a user and a password from a file, which may change, and stands nowhere else", async () => {
		const master = await startStandInMaster(world, { state: { lists: { agents: [a] }, login: "cni:right-secret" } });
		const passwordFile = join(world.directory, "password");
		writeFileSync(passwordFile, "wrong-secret\n", { mode: 0o600 });
		const watcher = startWatcher([master.url], { user: "cni", passwordFile });
		await watcher.heard(/log: Cannot watch .* it does not let us in\. Check the user and the password's file/);
		expect(master.calls).toEqual([]);
		writeFileSync(passwordFile, "right-secret\n");
		await watcher.heard("present a");
		expect(watcher.log()).not.toMatch(/secret/);
		expect(readFileSync(`/proc/${watcher.pid}/cmdline`, "utf8")).not.toMatch(/secret/);
	});

	test.each<[string, (file: string) => Partial<MesosMasterOptions>, RegExp]>([
		[
			"a password that others may read",
			(passwordFile) => ({ user: "cni", passwordFile }),
			/others may read it \(mode 644\)/,
		],
		["a user without a password", () => ({ user: "cni" }), /"user" and "passwordFile" go together/],
		["a user with a colon", (passwordFile) => ({ user: "a:b", passwordFile }), /a user's name has no colon in it/],
		["a certificate without its key", (certFile) => ({ certFile }), /"certFile" and "keyFile" go together/],
		["no master", () => ({ masters: [] }), /none is given/],
		[
			"a master that is none",
			() => ({ masters: ["m1:5050"] }),
			/Cannot use "m1:5050" as a Mesos master\. Write "http:/,
		],
		["a password in a URL", () => ({ masters: ["http://u:secret@m1"] }), /^error: Cannot use "http:\/\/…@m1" as/],
		["an agent's name that is none", () => ({ known: ["../x"] }), /Cannot watch the agent "\.\.\/x"/],
	])("%s is refused at once", async (_, options, error) => {
		const file = join(world.directory, "readable");
		writeFileSync(file, "x", { mode: 0o644 });
		const watcher = startWatcher(["http://127.0.0.1"], options(file));
		await watcher.heard(error);
	});

	test("by TLS, both sides make sure", async () => {
		const directory = mkdtempSync(join(world.directory, "tls-"));
		makeCertificates(directory);
		const file = (name: string) => join(directory, name);
		const files = { key: file("server.key"), cert: file("server.pem") };
		const lists = { agents: [a] };
		const m1 = await startStandInMaster(world, {
			...files,
			port: 5050,
			state: { mode: "redirects", leader: "127.0.0.1:5051" },
		});
		const m2 = await startStandInMaster(world, { ...files, port: 5051, state: { lists, pieces: 3 } });
		// Not one of its calls has the time in which hands are shaken.
		const watcher = startWatcher([m1.url], { caFile: file("ca.pem"), watchMs: 0 });
		await watcher.heard('log: Watching agents at "https://127.0.0.1:5051"', "present a");
		await m2.set({ lists: { agents: [] } });
		await m2.say(agentRemoved(a));
		await watcher.heard("gone a");
		const others = [
			startWatcher([m2.url], { caFile: file("ca2.pem") }),
			startWatcher([m2.url], { caFile: file("ca.pem"), serverName: "other.example" }),
			startWatcher([m2.url.replace("https", "http")]),
		];
		await others[0]?.heard(/TLS: unable to get local issuer certificate\. The certificate of the master was issued by/);
		await others[1]?.heard(/TLS: hostname mismatch/);
		await others[2]?.heard(/Cannot watch/);
	});
});

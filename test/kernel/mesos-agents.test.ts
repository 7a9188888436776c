import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type Background, startProgram, waitUntil } from "../support/dhcp.ts";
import { type Etcd, keysNow, startEtcd } from "../support/etcd.ts";
import { runWithOwnState } from "../support/example.ts";
import { agentRemoved, taskUpdated } from "../support/mesos-messages.ts";
import { attempt, attemptIn, enter } from "../support/namespace.ts";
import { distribution, systemPath } from "../support/paths.ts";
import { type StandInMaster, startStandInMaster } from "../support/stand-in-master.ts";
import { createWorld, type World } from "../support/world.ts";

const [a1, a2] = [
	{ id: "m1-S1", hostname: "a1" },
	{ id: "m1-S2", hostname: "a2" },
];
const cnictl = join(distribution, "cnictl");

let world: World;
let etcd: Etcd;
let master: StandInMaster;
let services = 0;

beforeEach(async () => {
	world = createWorld();
	etcd = await startEtcd(world.host);
	master = await startStandInMaster(world, { state: { lists: { agents: [a1, a2] } } });
	const ipam = {
		type: "cluster",
		agent: "a1",
		endpoints: [etcd.url],
		dataDir: join(world.directory, "data"),
		ranges: [[{ subnet: "10.217.7.0/24" }]],
		cooldown: 0,
	};
	mkdirSync(join(world.directory, "net.d"));
	writeFileSync(
		join(world.directory, "net.d/net.conf"),
		JSON.stringify({ cniVersion: "1.1.0", name: "net", type: "bridge", bridge: "br0", ipam }),
	);
	const added = runWithOwnState(world, [cnictl, "add", "net", world.container().path], {
		...env(),
		CNI_PATH: distribution,
	});
	expect(added.exitCode).toBe(0);
	expect(held()).toBe(1);
});
afterEach(async () => {
	await etcd[Symbol.asyncDispose]();
	world.dispose();
});

const env = () => ({ PATH: systemPath, NETCONFPATH: join(world.directory, "net.d") });
const held = () =>
	[...keysNow(etcd, "/cni-suite/network/net").keys()].filter((key) => key.startsWith("address/")).length;
const seen = () => [...keysNow(etcd, "/cni-suite/seen").keys()];

function watch(...args: readonly string[]): Background {
	const command = [cnictl, "agents", "watch", "--interval", "1s", "--mesos-master", master.url, ...args];
	return startProgram(world, {
		command: enter(world.host, command),
		logFile: join(world.directory, `watch-${services++}.log`),
		env: env(),
	});
}

/** The programs that listen to the master. */
const listeners = () => attempt(["pgrep", "-f", "^cluster mesos-agents"]).stdout.trim().split("\n").filter(Boolean);

test("what an agent holds is released at once when the master has let it go, and after the grace period when it cannot reach it", async () => {
	const service = watch("--grace", "3s");
	waitUntil("both agents to be seen", () => seen().length === 2);
	await master.set({ lists: { agents: [a2] } });
	await master.say(taskUpdated(a1, "TASK_UNREACHABLE", "REASON_SLAVE_REMOVED"));
	waitUntil("the agent to be lost", () => service.log().includes('agent "a1" is lost: master 127.0.0.1:5050'), 20_000);
	expect(held()).toBe(1);
	await master.set({ lists: { agents: [a1, a2] } });
	await master.say(taskUpdated(a1, "TASK_RUNNING"));
	waitUntil("the agent to be back", () => service.log().includes('agent "a1" is back'), 20_000);
	expect(held()).toBe(1);

	await master.set({ lists: { agents: [a2] } });
	await master.say(agentRemoved(a1));
	waitUntil("the agent to be gone", () => held() === 0, 20_000);
	expect(service.log()).toMatch(/agent "a1" is gone: master 127\.0\.0\.1:5050 has removed it\. .* released at once/);
	waitUntil("it to be forgotten", () => seen().join() === "a2");
	service.stop();
	expect(service.log()).toContain("released 1 address");
});

test("an agent that was lost while nobody watched is found by the next service", async () => {
	const first = watch();
	waitUntil("both agents to be seen", () => seen().length === 2);
	first.stop();
	await master.set({ lists: { agents: [a2] } });
	const second = watch("--grace", "1s", "--mesos-reregister-timeout", "1s");
	waitUntil("what it held to be released", () => held() === 0, 30_000);
	expect(second.log()).toContain('agent "a1" is lost: ');
});

test("the program that listens to the master is started again when it is killed, and ends with the service", () => {
	const before = listeners();
	const service = watch();
	waitUntil("both agents to be seen", () => seen().length === 2);
	const [child = ""] = listeners().filter((pid) => !before.includes(pid));
	process.kill(Number(child), "SIGKILL");
	waitUntil("it to be started again", () => service.log().split("Watching agents at").length === 3, 20_000);
	expect(service.log()).toMatch(/cni-suite" has ended \(SIGKILL\)\. It is started again/);
	// As systemd does, which ends all processes of a service at once.
	const [next = ""] = listeners().filter((pid) => !before.includes(pid));
	process.kill(Number(next), "SIGTERM");
	waitUntil("it to end", () => listeners().every((pid) => before.includes(pid)));
	service.stop();
	waitUntil("the service to end", () => service.log().includes(" ended; it has released"));
	expect(service.log()).not.toContain("(SIGTERM)");
});

test.each([
	[
		"a URL that is none",
		["--mesos-master", "10.0.0.5:5050"],
		/Cannot use "10\.0\.0\.5:5050" as a Mesos master\. Write/,
	],
	["no master", ["--mesos-user", "me"], /^Cannot watch a Mesos master: --mesos-master is missing/],
	[
		"a password that everyone may read",
		["--mesos-master", "http://10.0.0.5:5050", "--mesos-user", "me", "--mesos-password-file", "/etc/hostname"],
		/^Cannot use the secret in "\/etc\/hostname": others may read it/,
	],
])("%s is told at once", (_, args, message) => {
	const { exitCode, stderr } = attemptIn(world.host, [cnictl, "agents", "watch", ...args], { env: env() });
	expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringMatching(message) });
});

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type AgentMachine, makeAgentMachine, network } from "../support/agent-machine.ts";
import { inconsistencies, keysBelow } from "../support/cluster-keys.ts";
import { type Background, startProgram, waitUntil as waitUntilWithin } from "../support/dhcp.ts";
import { type EtcdCluster, startEtcdCluster } from "../support/etcd-cluster.ts";
import { createLan, type Lan } from "../support/lan.ts";
import { enter } from "../support/namespace.ts";
import { distribution, systemPath } from "../support/paths.ts";
import { mustRunPlugin, runPlugin } from "../support/run-plugin.ts";
import { createWorld, type World } from "../support/world.ts";

/* What the services make of faults of etcd and of the network: two agents that report, and two other machines that watch. */

const prefix = "/cni-suite";
let world: World;
let lan: Lan;
let etcd: EtcdCluster;
let agents: readonly AgentMachine[];

beforeEach(async () => {
	world = createWorld();
	lan = createLan(world);
	etcd = await startEtcdCluster(world, lan);
	const options = { lan, etcd, prefix, subnets: ["10.9.0.0/24"], ipam: { timeout: 2 } };
	agents = [0, 1, 2, 3].map((number) => makeAgentMachine(number, options));
});
afterEach(async () => {
	lan.mend();
	for (const agent of agents) agent[Symbol.dispose]();
	await etcd[Symbol.asyncDispose]();
	world.dispose();
});

const waitUntil = (what: string, isTrue: () => boolean) => waitUntilWithin(what, isTrue, 60_000);

function machine(number: number): AgentMachine {
	const found = agents[number];
	if (found === undefined) throw new Error(`there is no agent ${number}`);
	return found;
}

function serve(number: number, ...args: readonly string[]): Background {
	const { world: host, config } = machine(number);
	const NETCONFPATH = join(host.directory, "net.d");
	mkdirSync(NETCONFPATH, { recursive: true });
	writeFileSync(join(NETCONFPATH, "net.conf"), JSON.stringify(config));
	const command = enter(host.host, [join(distribution, "cnictl"), "agents", ...args]);
	const logFile = join(host.directory, `${args[0]}.log`);
	return startProgram(host, { command, logFile, env: { PATH: systemPath, NETCONFPATH } });
}

const report = (number: number) => serve(number, "report", "--ttl", "6s");
const watch = (number: number, grace: string) => serve(number, "watch", "--grace", grace, "--interval", "1s");

function add(number: number, containerId: string) {
	const { world: host, call } = machine(number);
	return mustRunPlugin<{ ips: { address: string }[] }>(call("ADD", { netns: host.container(), containerId }));
}

const gateway = () => etcd.members[0]?.gateway() ?? Promise.reject(new Error("no member"));

/** Who holds what, as far as a member that is there knows. */
async function holders(): Promise<string[]> {
	const keys = await keysBelow(await gateway(), `${prefix}/network/${network}/address`);
	return [...keys.values()]
		.map(({ value }) => JSON.parse(value))
		.map(({ agent, containerId }) => `${agent} ${containerId}`);
}

test("while the leader of etcd is killed, nobody is taken for lost", async () => {
	const leader = await etcd.leader();
	const signs = [report(0), report(1)];
	const watcher = watch(2, "1s");
	add(0, "c0");
	waitUntil("the signs of life", () => signs.every(({ log }) => log().includes("is reported alive")));
	waitUntil("the service to watch", () => watcher.log().includes("watching"));
	await leader.stop();
	const next = await etcd.leader();
	// As long as two signs last.
	const renewed = async () => (await keysBelow(next.gateway(), `${prefix}/alive`)).size;
	for (const end = performance.now() + 12_000; performance.now() < end; ) {
		expect(await renewed()).toBe(2);
		await new Promise((resolve) => setTimeout(resolve, 200));
	}
	expect(watcher.log()).not.toContain("is lost");
	await leader.start();
	expect(await holders()).toEqual(["agent-0 c0"]);
}, 180_000);

test("an agent that is cut off and back in time keeps its addresses; too late, others have them; whoever watches is cut off releases nothing", async () => {
	const sign = report(0);
	report(1);
	const [cutOff, watcher] = [watch(2, "20s"), watch(3, "20s")];
	const { ips } = add(0, "c0");
	add(1, "c1");
	waitUntil("the sign of life", () => sign.log().includes("is reported alive"));
	for (const service of [cutOff, watcher]) waitUntil("the service to watch", () => service.log().includes("watching"));
	const both = () => cutOff.log() + watcher.log();
	const apart = (number: number) =>
		lan.cut(
			[machine(number).plug],
			etcd.members.map(({ plug }) => plug),
		);

	apart(0);
	waitUntil("the agent to be lost", () => both().includes('agent "agent-0" is lost'));
	lan.mend();
	waitUntil("the agent to be back", () =>
		both().includes('agent "agent-0" is back: it reports itself alive; it keeps'),
	);
	expect((await holders()).sort()).toEqual(["agent-0 c0", "agent-1 c1"]);
	const complaint =
		/Cannot report agent "agent-0" alive: Cannot reach etcd [\s\S]* Can report agent "agent-0" alive again/;
	waitUntil("it to say so itself", () => complaint.test(sign.log()));

	apart(0);
	apart(2);
	waitUntil("the agent to be released", () => watcher.log().includes("nothing is left of what it held"));
	expect(await holders()).toEqual(["agent-1 c1"]);
	expect(cutOff.log()).not.toMatch(/Z released /);
	// Once, however long it takes.
	expect(cutOff.log().match(/Cannot look after the agents below .*Cannot reach etcd/g)).toHaveLength(1);
	const args = `IgnoreUnknown=1;IP=${ips[0]?.address.replace(/\/.*/, "")}`;
	const again = machine(1).call("ADD", { netns: machine(1).world.container(), containerId: "c2", args });
	expect(runPlugin(again).error).toBeUndefined();
	const there = machine(0).call("ADD", { netns: machine(0).world.container(), containerId: "c3" });
	expect(runPlugin(there).error).toMatchObject({ code: 11 });
	lan.mend();
	waitUntil("the agent to be seen again", () => both().includes("too late: what it held was released"));
	expect(runPlugin(there)).toMatchObject({ exitCode: 0 });
	expect((await holders()).sort()).toEqual(["agent-0 c3", "agent-1 c1", "agent-1 c2"]);
	expect(await inconsistencies(await gateway(), { prefix, network })).toEqual([]);
}, 300_000);

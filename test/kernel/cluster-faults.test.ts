import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { findCuts, killAt } from "../crash/kill-everywhere.ts";
import { type AgentMachine, makeAgentMachine, network } from "../support/agent-machine.ts";
import { inconsistencies, keysBelow } from "../support/cluster-keys.ts";
import { type ClusterLoad, type LivingContainer, startClusterLoad } from "../support/cluster-load.ts";
import { type EtcdCluster, startEtcdCluster } from "../support/etcd-cluster.ts";
import { createLan, type Lan } from "../support/lan.ts";
import { attemptIn } from "../support/namespace.ts";
import { distribution, systemPath } from "../support/paths.ts";
import { mustRunPlugin, runPlugin } from "../support/run-plugin.ts";
import { seeded } from "../support/seeded.ts";
import { createWorld, type World } from "../support/world.ts";

/* What happens to a cluster while containers come and go on all of its agents, one fault at a time. */

let world: World;
let lan: Lan;
let etcd: EtcdCluster;
let agents: readonly [AgentMachine, AgentMachine, AgentMachine];
let load: ClusterLoad;
let prefix = "/faults-0";

beforeAll(async () => {
	world = createWorld();
	lan = createLan(world);
	etcd = await startEtcdCluster(world, lan);
});
afterAll(async () => {
	await etcd[Symbol.asyncDispose]();
	world.dispose();
});

beforeEach(() => {
	prefix = prefix.replace(/\d+$/, (number) => String(Number(number) + 1));
	const options = {
		lan,
		etcd,
		prefix,
		subnets: ["10.9.0.0/24", "fd09::/64"],
		ipam: { timeout: 2, blocks: { ipv4: 29 } },
	};
	agents = [makeAgentMachine(0, options), makeAgentMachine(1, options), makeAgentMachine(2, options)];
});
afterEach(async () => {
	lan.mend();
	await load.stop();
	for (const agent of agents) agent[Symbol.dispose]();
});

const timeoutMs = 240_000;
const others = (...not: readonly object[]) =>
	[...etcd.members, ...agents].filter((each) => !not.includes(each)).map(({ plug }) => plug);

async function begin(): Promise<void> {
	load = startClusterLoad(agents, { random: seeded(6), wanted: ["10.9.0.251", "10.9.0.252", "fd09::ffff:1"] });
	await load.more(2, { attached: agents });
}

test(
	"etcd's leader is killed: the others go on, and it comes back",
	async () => {
		await begin();
		const leader = await etcd.leader();
		await leader.stop();
		await load.more(3, { attached: agents });
		await leader.start();
		await load.more(3, { attached: agents });
		await settle();
	},
	timeoutMs,
);

test(
	"the leader is cut off together with an agent: all others go on, and that agent makes good what it could not do",
	async () => {
		await begin();
		const leader = await etcd.leader();
		const [alone, ...rest] = agents;
		const side = [leader.plug, alone.plug];
		lan.cut(side, others(leader, alone));
		await load.more(3, { attached: rest, away: [alone] });
		await untilNoted(alone);
		lan.mend();
		await load.more(3, { attached: agents });
		await settle();
	},
	timeoutMs,
);

test(
	"an agent is cut off from all of etcd: the others go on, and it makes good what it could not do",
	async () => {
		await begin();
		const [, alone, ...rest] = agents;
		lan.cut(
			[alone.plug],
			etcd.members.map(({ plug }) => plug),
		);
		await load.more(3, { attached: rest, away: [alone] });
		await untilNoted(alone);
		lan.mend();
		await load.more(3, { attached: agents });
		await settle();
	},
	timeoutMs,
);

test(
	"two of three members are cut off: nobody gets an address until they are back, and nobody loses one",
	async () => {
		await begin();
		for (const member of etcd.members.slice(1)) lan.cut([member.plug], others(member));
		// More than there are calls at a time: those from before are over.
		await load.more(4, { away: agents });
		const before = load.attached();
		await load.more(2, { away: agents });
		expect(load.attached()).toBe(before);
		lan.mend();
		await load.more(3, { attached: agents });
		await settle();
	},
	timeoutMs,
);

test(
	"all of etcd is killed and started again: every agent makes good what it could not do",
	async () => {
		await begin();
		await Promise.all(etcd.members.map((member) => member.stop()));
		await load.more(1, { away: agents });
		await Promise.all(etcd.members.map((member) => member.start()));
		await load.more(3, { attached: agents });
		await settle();
	},
	timeoutMs,
);

test(
	"a plugin is killed at every step",
	async () => {
		const cuts = stepsOf(agents[0]);
		await begin();
		for (const { command, wrappers } of cuts) load.disturb(command, wrappers);
		const steps = cuts.reduce((sum, { wrappers }) => sum + wrappers.length, 0);
		expect(steps).toBeGreaterThan(20);
		// The others have taken another way than the dry run, which had no other call beside it.
		expect(await load.disturbed()).toBeGreaterThan(0.8 * steps);
		await load.more(2, { attached: agents });
		await settle();
	},
	timeoutMs,
);

/** Those of a call on an agent that has a container already. */
function stepsOf(agent: AgentMachine) {
	const other = { netns: agent.world.container(), containerId: "other" };
	const own = { netns: agent.world.container(), containerId: "dry-run" };
	mustRunPlugin(agent.call("ADD", other));
	const steps = (["ADD", "DEL"] as const).map((command) => {
		return { command, wrappers: findCuts(agent.call(command, own)).cuts.map(killAt) };
	});
	mustRunPlugin(agent.call("DEL", other));
	return steps;
}

/** Compares what etcd and the kernel have with the model; then all ends, and nothing is left. */
async function settle(): Promise<void> {
	const living = await load.stop();
	expect(load.problems).toEqual([]);
	const expected = living.flatMap(shown).sort();
	for (const agent of agents) {
		// Any call replays what is left in the journal.
		mustRunPlugin(agent.call("DEL", { containerId: "nobody" }));
		expect(journalOf(agent)).toEqual([]);
	}
	expect((await held()).sort()).toEqual(expected);
	for (const agent of agents) collect(agent, living);
	expect((await held()).sort()).toEqual(expected);
	expect(await inconsistencies(gateway(), { prefix, network })).toEqual([]);
	for (const agent of agents) expect(check(agent)).toMatchObject(nothingWrong);
	for (const { agent, netns, containerId, result } of living) {
		const config = { ...agent.config, prevResult: result };
		expect(runPlugin({ ...agent.call("CHECK", { netns, containerId }), config })).toMatchObject({ exitCode: 0 });
	}
	for (const { agent, netns, containerId } of living) mustRunPlugin(agent.call("DEL", { netns, containerId }));
	expect(await held()).toEqual([]);
	for (const agent of agents) expect(check(agent)).toMatchObject(nothingWrong);
}

/** The ADDs that have failed may all have been under way together, and no DEL be over yet. */
async function untilNoted(agent: AgentMachine): Promise<void> {
	while (journalOf(agent).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

function journalOf({ directory }: AgentMachine): string[] {
	const journal = join(directory, "journal");
	return existsSync(journal) ? readdirSync(journal) : [];
}

const nothingWrong = { exitCode: 0, stdout: "Nothing is wrong\n", stderr: "" };

function collect(agent: AgentMachine, living: readonly LivingContainer[]): void {
	const own = living.filter((container) => container.agent === agent);
	const valid = own.map(({ containerId: containerID }) => ({ containerID, ifname: "eth0" }));
	mustRunPlugin({ ...agent.call("GC", {}), config: { ...agent.config, "cni.dev/valid-attachments": valid } });
}

function gateway() {
	const [member] = etcd.members;
	if (member === undefined) throw new Error("There is no member");
	return member.gateway();
}

async function held(): Promise<string[]> {
	const keys = await keysBelow(gateway(), `${prefix}/network/${network}/address`);
	return [...keys.values()].map(({ value }) => {
		const { address, containerId } = JSON.parse(value) as { address: string; containerId: string };
		return `${address} ${containerId}`;
	});
}

const shown = ({ addresses, containerId }: LivingContainer) => addresses.map((address) => `${address} ${containerId}`);

function check({ world: { host, directory }, config }: AgentMachine) {
	const networks = join(directory, "net.d");
	mkdirSync(networks, { recursive: true });
	writeFileSync(join(networks, "shared.conf"), JSON.stringify(config));
	const env = { PATH: systemPath, NETCONFPATH: networks };
	return attemptIn(host, [join(distribution, "cnictl"), "ipam", "check", network], { env });
}

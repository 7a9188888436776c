import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Gateway } from "../../lib/etcd/gateway.ts";
import { type AgentMachine, makeAgentMachine, network } from "../support/agent-machine.ts";
import { inconsistencies, keysBelow } from "../support/cluster-keys.ts";
import { type EtcdCluster, startEtcdCluster } from "../support/etcd-cluster.ts";
import { createLan, type Lan } from "../support/lan.ts";
import { attemptIn, type Namespace } from "../support/namespace.ts";
import { type Command, mustRunPlugin, type PluginOutcome, runPluginAsync } from "../support/run-plugin.ts";
import { createWorld, keptByContract, leftovers, type World } from "../support/world.ts";

const prefix = "/many";
const perAgent = 200;
const noneValid = { "cni.dev/valid-attachments": [] };

let world: World;
let lan: Lan;
let etcd: EtcdCluster;
let agents: readonly AgentMachine[];

beforeAll(async () => {
	world = createWorld();
	lan = createLan(world);
	etcd = await startEtcdCluster(world, lan);
	// Long enough for 600 processes on few processors.
	const options = { lan, etcd, prefix, subnets: ["10.9.0.0/20"], ipam: { timeout: 60 } };
	agents = [0, 1, 2].map((number) => makeAgentMachine(number, options));
});
afterAll(async () => {
	for (const agent of agents) agent[Symbol.dispose]();
	await etcd[Symbol.asyncDispose]();
	world.dispose();
});

test("3 agents with bridges of their own attach 200 containers each, all at once, and take all of it back", async () => {
	const containers = agents.map(({ world: { container } }) => Array.from({ length: perAgent }, container));
	const all = (command: Command) =>
		Promise.all(
			agents.map((agent, index) =>
				Promise.all(
					(containers[index] ?? []).map((netns, each) => run(agent, { command, netns, containerId: `c${each}` })),
				),
			),
		);
	const added = await all("ADD");
	expect(failures(added)).toEqual([]);
	const addresses = added.map((outcomes) => outcomes.map(addressOf));
	expect(new Set(addresses.flat())).toHaveProperty("size", 3 * perAgent);
	for (const [index, { world }] of agents.entries()) {
		expect(unreachable(world.host, addresses[index] ?? [])).toEqual([]);
	}
	expect(await faults()).toEqual([]);

	expect(failures(await all("DEL"))).toEqual([]);
	expect(await faults()).toEqual([]);
	const keys = async () => [...(await keysBelow(gateway(), `${prefix}/network/${network}`)).keys()];
	expect((await keys()).filter((key) => !/(^|\/)block\//.test(key))).toEqual([]);
	// Of blocks that are emptied at the same time one may be overlooked; GC finds it.
	for (const agent of agents) mustRunPlugin({ ...agent.call("GC", {}), config: { ...agent.config, ...noneValid } });
	expect(await keys()).toHaveLength(2 * agents.length);
	for (const { world, before } of agents) {
		expect(leftovers(world, { since: before, except: keptByContract })).toEqual([]);
	}
}, 180_000);

function run(
	agent: AgentMachine,
	{ command, netns, containerId }: { command: Command; netns: Namespace; containerId: string },
): Promise<PluginOutcome> {
	return runPluginAsync({ ...agent.call(command, { netns, containerId }), timeoutMs: 120_000 });
}

function failures(outcomes: readonly (readonly PluginOutcome[])[]): string[] {
	return outcomes.flat().flatMap(({ exitCode, stdout, stderr }) => (exitCode === 0 ? [] : [stdout + stderr]));
}

function addressOf({ json }: PluginOutcome): string {
	const [first] = (json as { ips: readonly { address: string }[] }).ips;
	return first?.address.replace(/\/.*$/, "") ?? "none";
}

/**
 * One after the other: a process for each at the same time would take longer than a container to answer. All namespaces
 * share one table of neighbours, which has room for a thousand, and which the tests beside this one fill as well: what is
 * of no use any more is taken out, and who does not answer then is asked a few times more.
 */
function unreachable(host: Namespace, addresses: readonly string[]): string[] {
	const script = `
		forget() { ip neigh flush nud all; }
		for a; do
			ping -n -q -c 1 -W 10 "$a" >/dev/null || { forget; ping -n -q -c 5 -W 10 "$a" >/dev/null; } || echo "$a"
		done
		forget`;
	const { stdout } = attemptIn(host, ["sh", "-c", script, "sh", ...addresses]);
	return stdout.split("\n").filter((line) => line !== "");
}

function gateway(): Gateway {
	const [member] = etcd.members;
	if (member === undefined) throw new Error("There is no member");
	return member.gateway();
}

const faults = (): Promise<string[]> => inconsistencies(gateway(), { prefix, network });

import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type EtcdCluster, startEtcdCluster } from "../support/etcd-cluster.ts";
import { exampleDirectory, runWithOwnState } from "../support/example.ts";
import { blockOf, stepsOf } from "../support/guide.ts";
import { createLan, type Lan } from "../support/lan.ts";
import { attempt, type Outcome } from "../support/namespace.ts";
import { distribution, systemPath, tools } from "../support/paths.ts";
import { itUnless, missingProgram } from "../support/skip.ts";
import { createWorld, type World } from "../support/world.ts";

/* What docs/cluster.md says, done: its blocks of commands are run as they stand. */

const page = "docs/cluster.md";
const path = [distribution, join(tools, "../etcd"), systemPath].join(":");

let world: World;
let lan: Lan;
let etcd: EtcdCluster;
const machines: World[] = [];

const file = (name: string) => join(world.directory, name);

beforeAll(async () => {
	world = createWorld();
	lan = createLan(world);
	succeeded(attempt(["sh", "-ec", blockOf(page, "certificates")], { cwd: world.directory }));
	etcd = await startEtcdCluster(world, lan, { scheme: "https", args: ({ name }) => optionsOf(settingsOf(name)) });
});
afterAll(async () => {
	for (const machine of machines) machine.dispose();
	await etcd[Symbol.asyncDispose]();
	world.dispose();
});

/** /etc/default/etcd of a member, with the files where they are here. */
function settingsOf(member: string): ReadonlyMap<string, string> {
	const text = blockOf(page, "etcd").replaceAll("/etc/etcd/one", file(member)).replaceAll("/etc/etcd", world.directory);
	const lines = text.trim().split("\n");
	return new Map(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

/** All but what `startEtcdCluster` sets. */
function optionsOf(settings: ReadonlyMap<string, string>): string[] {
	const others = [...settings].filter(([name]) => !/_(NAME|DATA_DIR|\w+_URLS|INITIAL_CLUSTER)$/.test(name));
	return others.map(([name, value]) => `--${name.slice("ETCD_".length).toLowerCase().replaceAll("_", "-")}=${value}`);
}

function succeeded(outcome: Outcome): string {
	if (outcome.exitCode !== 0) throw new Error(outcome.stdout + outcome.stderr);
	return outcome.stdout;
}

interface Machine {
	readonly world: World;
	/** Runs a script by the shell, where the files are that the page has made. */
	sh(script: string): string;
}

/** On the network of etcd, with a name and directories of its own. */
function makeMachine(name: string, address: string): Machine {
	const own = createWorld();
	machines.push(own);
	lan.join(own.host, address);
	const named = `hostname ${name} && cd ${world.directory} && exec sh -ec "$0"`;
	const env = { CNI_PATH: distribution, PATH: path };
	const sh = (script: string) =>
		succeeded(runWithOwnState(own, ["/usr/bin/unshare", "--uts", "sh", "-c", named, script], env));
	return { world: own, sh };
}

/** An agent as the page makes it. */
function makeAgent(name: string, address: string): Machine {
	const agent = makeMachine(name, address);
	agent.sh(blockOf(page, "agent"));
	const networks = join(agent.world.directory, "etc-cni/net.d");
	mkdirSync(networks);
	copyFileSync(join(exampleDirectory, "cluster/tls.conflist"), join(networks, "10-cluster.conflist"));
	return agent;
}

/** Does what stands behind each `# `, and compares what comes of it with the lines that follow. */
function follow({ world, sh }: Machine, block: string): void {
	const container = world.container();
	for (const { command, output } of stepsOf(blockOf(page, block))) {
		if (/^(export|ip netns add) /.test(command)) continue;
		expect([command, sh(command.replace("/run/netns/blue", container.path))]).toEqual([command, output]);
	}
}

test("its settings of etcd are those of the members here", () => {
	const { members } = etcd;
	const peers = members.map(({ name, plug }) => `${name}=https://${plug.address}:2380`);
	expect(settingsOf("one")).toEqual(
		new Map([
			...settingsOf("one"),
			["ETCD_NAME", "one"],
			["ETCD_INITIAL_CLUSTER", peers.join()],
			["ETCD_ADVERTISE_CLIENT_URLS", members[0]?.url],
		]),
	);
});

itUnless(missingProgram("etcdctl", path))(
	"its steps lead to addresses on two agents, make room in etcd, and move an agent over from host-local",
	() => {
		const admin = makeMachine("admin", "10.0.0.100/24");
		const variables = blockOf(page, "users")
			.split("\n")
			.filter((line) => line.startsWith("export "));
		admin.sh(blockOf(page, "users"));
		const [one, two] = [makeAgent("agent-1", "10.0.0.101/24"), makeAgent("agent-2", "10.0.0.102/24")];
		follow(one, "first");
		follow(two, "second");
		follow(one, "more");
		admin.sh([...variables, blockOf(page, "space")].join("\n"));
		one.sh("cnictl ipam check");
		moveOver(makeAgent("agent-3", "10.0.0.103/24"));
	},
);

/** From host-local, while containers run and others come. */
function moveOver({ world: { container, directory }, sh }: Machine): void {
	const [before, meanwhile, after] = [container(), container(), container()];
	const ranges = [[{ subnet: "10.81.0.0/16", rangeStart: "10.81.77.10", rangeEnd: "10.81.77.99" }]];
	const bridge = { type: "bridge", bridge: "cluster1", isGateway: true, ipam: { type: "host-local", ranges } };
	const hostLocal = { cniVersion: "1.1.0", name: "cluster-tls", plugins: [bridge] };
	const networks = join(directory, "etc-cni");
	renameSync(join(networks, "net.d"), join(networks, "cluster.d"));
	mkdirSync(join(networks, "net.d"));
	writeFileSync(join(networks, "net.d/10-cluster.conflist"), JSON.stringify(hostLocal));
	const migrate = (...options: string[]) => {
		const command = [
			"NETCONFPATH=/etc/cni/cluster.d cnictl ipam migrate cluster-tls --from /var/lib/cni/networks",
			...options,
		];
		return sh(command.join(" ")).match(/^(move|moved|present) +\S+/gm);
	};
	sh(`cnictl add cluster-tls ${before.path}`);
	expect(migrate("--dry-run")).toEqual(["move     10.81.77.10"]);
	expect(migrate()).toEqual(["moved    10.81.77.10"]);
	sh(`cnictl add cluster-tls ${meanwhile.path}`);
	expect(migrate()).toEqual(["present  10.81.77.10", "moved    10.81.77.11"]);

	rmSync(join(networks, "net.d"), { recursive: true });
	renameSync(join(networks, "cluster.d"), join(networks, "net.d"));
	for (const { path } of [before, meanwhile]) sh(`cnictl check cluster-tls ${path}`);
	expect(sh(`cnictl add cluster-tls ${after.path}`)).toMatch(/"10\.81\.0\.\d+\/16"/);
	expect(sh("cnictl ipam check")).toBe("Nothing is wrong\n");
	for (const { path } of [before, meanwhile, after]) sh(`cnictl del cluster-tls ${path}`);
	expect(sh("cnictl ipam show --json")).toMatch(/"held": 1,/);
}

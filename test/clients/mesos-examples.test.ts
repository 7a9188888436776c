import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Agent, createAgent, type RunningTask } from "../kernel/agent.ts";
import type { Config } from "../kernel/bridge-network.ts";
import { exampleDirectory } from "../support/example.ts";
import { groupsBase } from "../support/groups-base.ts";
import { attempt, attemptIn, enter, type Namespace } from "../support/namespace.ts";
import { distribution, root, systemPath } from "../support/paths.ts";
import { httpGet, pingAllAsync, serve } from "../support/traffic.ts";
import { createWorld, keptByContract, keptByPortMaps, leftovers, type World } from "../support/world.ts";

const networks = join(exampleDirectory, "mesos/networks");
const tasks = join(exampleDirectory, "mesos/tasks");

const v4 = (ip_address: string) => ({ protocol: "IPv4", ip_address });
const v6 = (ip_address: string) => ({ protocol: "IPv6", ip_address });

/** What the status of the task says of its networks, and what the container itself shows. */
const examples: Readonly<Record<string, { readonly networkInfos: object[]; readonly shows: readonly RegExp[] }>> = {
	"any-address.json": {
		networkInfos: [{ name: "any", ip_addresses: [v4("10.40.0.2")] }],
		shows: [/^eth0@\S+ +UP +10\.40\.0\.2\/16 /m],
	},
	"dual-stack.json": {
		networkInfos: [{ name: "dual", groups: ["dev", "test"], ip_addresses: [v4("10.41.0.2"), v6("fd00:10:41::2/64")] }],
		shows: [/^eth0@\S+ +UP +10\.41\.0\.2\/16 fd00:10:41::2\/64 /m],
	},
	"named-network.json": {
		networkInfos: [{ name: "network1", ip_addresses: [v4("10.43.0.2")] }],
		shows: [/^eth0@\S+ +UP +10\.43\.0\.2\/16 /m],
	},
	"published-port.json": {
		networkInfos: [
			{
				name: "any",
				groups: ["shop"],
				port_mappings: [{ host_port: 8080, container_port: 80, protocol: "tcp" }],
				ip_addresses: [v4("10.40.0.2")],
			},
		],
		shows: [/^eth0@\S+ +UP +10\.40\.0\.2\/16 /m],
	},
	"static-address.json": {
		networkInfos: [{ name: "any", ip_addresses: [v4("10.40.2.3")] }],
		shows: [/^eth0@\S+ +UP +10\.40\.2\.3\/16 /m],
	},
	"two-interfaces.json": {
		networkInfos: [
			{ name: "any", groups: ["foo"], ip_addresses: [v4("10.40.0.2")] },
			{ name: "back", groups: ["bar"], ip_addresses: [v4("10.42.0.2")] },
		],
		shows: [/^eth0@\S+ +UP +10\.40\.0\.2\/16 /m, /^eth1@\S+ +UP +10\.42\.0\.2\/16 /m],
	},
};

it("every task has a test", () => {
	expect(readdirSync(tasks).sort()).toEqual(Object.keys(examples).sort());
});

it.each(readdirSync(networks))("cnictl validate finds no fault with %s", (file) => {
	const outcome = attempt([join(distribution, "cnictl"), "validate", join(networks, file)]);
	expect(outcome).toMatchObject({ exitCode: 0, stdout: expect.not.stringMatching(/warning|error/), stderr: "" });
});

it.each(Object.entries(examples))("%s runs as it stands, and leaves nothing", (file, { networkInfos, shows }) => {
	using world = createWorld();
	const { exitCode, stdout, stderr, statuses } = runExample(world, file);
	expect([exitCode, stderr]).toEqual([0, ""]);
	expect(statuses.map(({ state }) => state)).toEqual(["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]);
	for (const { container_status } of statuses) expect(container_status.network_infos).toEqual(networkInfos);
	for (const line of shows) expect(stdout).toMatch(line);
	expect(leftovers(world, { except: [...keptByContract, ...keptByPortMaps, ...groupsBase] })).toEqual([]);
});

describe("who reaches whom on these networks", () => {
	let world: World;
	let agent: Agent;

	beforeEach(() => {
		world = createWorld();
		agent = createAgent(world);
		for (const file of readdirSync(networks)) agent.network(withStateOf(world, file));
		// Where br_netfilter is loaded, what docs/plugins/groups.md says of ports of the host would not hold within a bridge.
		attemptIn(world.host, ["sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0"]);
	});
	afterEach(() => {
		agent[Symbol.dispose]();
		world.dispose();
	});

	/** Runs until the agent is disposed of. */
	const startExample = (file: string) =>
		agent.start({ info: readFileSync(join(tasks, file), "utf8"), command: ["sleep", "1000"] });
	const startMember = (name: string, groups: readonly string[]) =>
		agent.start({
			info: { container: { type: "MESOS", network_infos: [{ name, groups }] } },
			command: ["sleep", "1000"],
		});

	it("dual-stack.json: those of either of its groups, over both families, and no others", async () => {
		const example = await startExample("dual-stack.json");
		const [dev, test, prod, none] = await Promise.all([
			startMember("dual", ["dev"]),
			startMember("dual", ["qa", "test"]),
			startMember("dual", ["prod"]),
			startMember("dual", []),
		]);
		const both = ["10.41.0.2", "fd00:10:41::2"];
		await expectReached([
			[world.host, both, true],
			[dev, both, true],
			[test, both, true],
			[prod, both, false],
			[none, both, false],
			[example, [dev, test], true],
			[example, [prod, none], false],
			[dev, [test], false],
			[test, [dev], false],
		]);
	});

	it("two-interfaces.json: each interface by its own group alone", async () => {
		await startExample("two-interfaces.json");
		const [foo, bar, backFoo, backBar] = await Promise.all([
			startMember("any", ["foo"]),
			startMember("any", ["bar"]),
			startMember("back", ["foo"]),
			startMember("back", ["bar"]),
		]);
		await expectReached([
			[foo, ["10.40.0.2"], true],
			[bar, ["10.40.0.2"], false],
			[backFoo, ["10.42.0.2"], false],
			[backBar, ["10.42.0.2"], true],
		]);
	});

	it("any-address.json and static-address.json, which are in no group: each other, and nobody who is in one", async () => {
		const any = await startExample("any-address.json");
		const chosen = await startExample("static-address.json");
		const member = await startMember("any", ["foo"]);
		expect([any.address, chosen.address]).toEqual(["10.40.0.2", "10.40.2.3"]);
		await expectReached([
			[any, [chosen], true],
			[chosen, [any], true],
			[any, [member], false],
			[chosen, [member], false],
			[member, [any, chosen], false],
		]);
	});

	it("published-port.json: its group by its address, everybody by the port of the agent", async () => {
		const example = await startExample("published-port.json");
		await using _server = await serve(example.container, { port: 80, body: "shop" });
		const urls = [`http://${example.address}`, "http://10.40.0.1:8080"];
		const get = (from: Namespace) => urls.map((url) => httpGet(from, url, { timeoutSeconds: 1 }));
		expect(get((await startMember("any", ["shop"])).container)).toEqual(["shop", "shop"]);
		expect(get((await startMember("any", ["bank"])).container)).toEqual([undefined, "shop"]);
		expect(get(world.host)).toEqual(["shop", "shop"]);
	});
});

it("docs/mesos.md shows the examples as they are", () => {
	const text = readFileSync(join(root, "docs/mesos.md"), "utf8");
	const shown = [...text.matchAll(/\(\.\.\/conf-examples\/([^)]+)\):\n\n```json\n(.*?)```/gs)];
	expect(shown).not.toEqual([]);
	for (const [, file = "", json] of shown) {
		expect({ file, json }).toEqual({ file, json: readFileSync(join(exampleDirectory, file), "utf8") });
	}
});

/** Who asks, whom (a task by its first address), and whether all of them answer or none. */
type Reach = readonly [from: RunningTask | Namespace, to: readonly (RunningTask | string)[], reached: boolean];

async function expectReached(pairs: readonly Reach[]): Promise<void> {
	const found = pairs.map(([from, to]) => {
		const addresses = to.map((one) => (typeof one === "string" ? one : one.address));
		return pingAllAsync("container" in from ? from.container : from, addresses);
	});
	expect(await Promise.all(found)).toEqual(pairs.map(([, to, reached]) => to.map(() => reached)));
}

/** The network as it stands, but for the directories that it keeps its state in: several tasks are to see the same. */
function withStateOf(world: World, file: string): Config {
	const network = JSON.parse(readFileSync(join(networks, file), "utf8"));
	for (const { ipam } of [network, ...(network.plugins ?? [])]) if (ipam !== undefined) ipam.dataDir = world.dataDir;
	return network.type === "chain" ? { ...network, stateDir: join(world.directory, "state") } : network;
}

/** With all directories at their defaults: folders of the world are in the place of /var/lib and /run. */
function runExample(world: World, file: string) {
	const state = join(world.directory, "state");
	mkdirSync(state);
	const inState = [
		"/usr/bin/unshare",
		"-m",
		"/bin/sh",
		"-c",
		'mount --bind "$0" /var/lib && mount -t tmpfs none /run && exec "$@"',
		state,
	];
	// In a file: on stdout, TASK_RUNNING may come in the middle of a line of the command's.
	const statusFile = join(world.directory, "statuses");
	const agent = ["--config-dir", networks, "--plugins-dir", distribution, "--status", statusFile];
	const command = [join(distribution, "cnictl"), "task", "run", ...agent, "--task", join(tasks, file)];
	const outcome = attempt(enter(world.host, [...inState, ...command]), { env: { PATH: systemPath } });
	const lines = existsSync(statusFile) ? readFileSync(statusFile, "utf8").trimEnd().split("\n") : [];
	return { ...outcome, statuses: lines.map((line) => JSON.parse(line)) };
}

import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, test } from "@jest/globals";
import { attemptIn, runIn } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { httpGet, ping, serve } from "../support/traffic.ts";
import { createWorld, type World } from "../support/world.ts";
import { type Agent, bridgeFile, createAgent } from "./agent.ts";
import { hostLocal } from "./bridge-network.ts";

let world: World;
let agent: Agent;

beforeEach(() => {
	world = createWorld();
	agent = createAgent(world);
	agent.network(bridgeFile(world));
});
afterEach(() => {
	agent[Symbol.dispose]();
	world.dispose();
});

const sleeping = ["sleep", "1000"];

describe("cnictl task run", () => {
	test("gives a command an address of its own, tells of it, and takes it back", async () => {
		const task = await agent.start({ networks: ["net1"], containerId: "web", command: sleeping });
		expect(task.address).toBe("10.1.2.2");
		expect(ping(world.host, task.address)).toBe(true);
		await using _server = await serve(task.container, { port: 80 });
		expect(httpGet(world.host, `http://${task.address}/`)).toBe("10.1.2.1");
		const network_infos = [{ name: "net1", ip_addresses: [{ protocol: "IPv4", ip_address: "10.1.2.2" }] }];
		expect(task.statuses.at(-1)).toEqual({
			task_id: { value: "web" },
			state: "TASK_RUNNING",
			source: "SOURCE_EXECUTOR",
			timestamp: expect.any(Number),
			container_status: { container_id: { value: "web" }, network_infos, executor_pid: expect.any(Number) },
		});
		expect(agent.list()).toMatchObject([{ task_id: "web", state: "running", network_infos }]);
		task.signal("SIGTERM");
		const { states, message, exitCode } = await task.ended;
		expect(states).toEqual(["TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_KILLED"]);
		expect([message, exitCode]).toEqual(["Command terminated with signal Terminated", 143]);
		expect(agent.left()).toEqual([]);
	});

	it.each([
		[{ CNI_PATH: distribution }, "networks", "Give --config-dir, or set NETCONFPATH"],
		[{ NETCONFPATH: "/etc/cni/net.d" }, "plugins", "Give --plugins-dir, or set CNI_PATH"],
	])("says what is missing, in its own words: with %j", (env, missing, help) => {
		const line = [`${distribution}/cnictl`, "task", "run", "--", "true"];
		const { exitCode, stderr } = attemptIn(world.host, line, { env });
		expect(exitCode).toBe(1);
		expect(stderr).toContain(`Cannot run tasks: nothing names the directory of the ${missing}; ${help}`);
	});

	it.each([
		[["true"], 0, "TASK_FINISHED", "Command exited with status 0"],
		[["sh", "-c", "exit 7"], 7, "TASK_FAILED", "Command exited with status 7"],
		[["sh", "-c", "kill -SEGV $$"], 139, "TASK_FAILED", "Command terminated with signal Segmentation fault"],
		[["no-such-command"], 127, "TASK_FAILED", 'Cannot run "no-such-command": no such command'],
		[["/etc/passwd"], 126, "TASK_FAILED", 'Cannot run "/etc/passwd": execute "/etc/passwd": permission denied'],
	])("exits as %j does", (command, exitCode, state, message) => {
		const outcome = agent.run({ networks: ["net1"], command });
		expect([outcome.exitCode, outcome.states.at(-1), outcome.message]).toEqual([exitCode, state, message]);
		expect(agent.left()).toEqual([]);
	});

	test("what the command has written and read is its own: stdin, stdout, stderr, no descriptors, no signals ignored", () => {
		// The shell reads by itself: while it starts a program it blocks all signals, and the program may see that.
		const signals = 'while read -r line; do case $line in SigBlk*|SigIgn*) echo "$line"; esac; done </proc/$$/status';
		const script = `cat >&2; ls /proc/$$/fd; ${signals}`;
		const { output, stderr } = agent.run({
			info: undefined,
			networks: ["net1"],
			command: ["sh", "-c", script],
		});
		expect(stderr).toBe("");
		expect(output).toBe("0\n1\n2\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	});

	test("a task on the host's network beside one on a network of its own: mixed mode", async () => {
		const own = await agent.start({ networks: ["net1"], command: sleeping });
		const before = runIn(world.host, ["readlink", "/proc/self/ns/net", "/proc/self/ns/mnt", "/proc/self/ns/uts"]);
		const outcome = agent.run({
			info: { command: { value: "readlink /proc/self/ns/net /proc/self/ns/mnt /proc/self/ns/uts; env" } },
		});
		expect(outcome.states).toEqual(["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]);
		expect(outcome.output.startsWith(before)).toBe(true);
		expect(outcome.output).not.toContain("LIBPROCESS_IP");
		// As with Mesos, a task of the host has its addresses, and no name of a network.
		expect(outcome.statuses.at(-1)?.container_status.network_infos).toEqual([
			{ ip_addresses: [{ protocol: "IPv4", ip_address: "10.1.2.1" }] },
		]);
		expect(ping(world.host, own.address)).toBe(true);
		own.signal("SIGINT");
		expect((await own.ended).states.at(-1)).toBe("TASK_KILLED");
		expect(agent.left()).toEqual([]);
	});

	test("the name, the hosts and the resolver of a container are its own, those of the host stay", () => {
		const files = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"].filter(existsSync);
		const before = files.map((file) => readFileSync(file, "utf8"));
		const info = {
			container: { type: "MESOS", hostname: "web-1", network_infos: [{ name: "net1" }] },
			command: { value: "hostname; cat /etc/hosts" },
		};
		expect(agent.run({ info }).output).toBe("web-1\n127.0.0.1 localhost\n10.1.2.2 web-1\n");
		expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(before);
	});

	test("everything that a task has started ends with it, whatever it has detached", async () => {
		const marker = `${process.pid}.25`;
		const command = ["sh", "-c", `setsid sleep ${marker} & (trap '' TERM; sleep ${marker}) & sleep 0.2`];
		const outcome = agent.run({ networks: ["net1"], command });
		expect(outcome.states.at(-1)).toBe("TASK_FINISHED");
		const host = agent.run({ command: ["sh", "-c", `sleep ${marker} & sleep 0.2`] });
		expect(host.states.at(-1)).toBe("TASK_FINISHED");
		expect(runIn(world.host, ["sh", "-c", `pgrep -f "sleep ${marker}" | grep -v $$ | wc -l`]).trim()).toBe("0");
		expect(agent.left()).toEqual([]);
	});

	test("a task that does not end when asked is killed after its grace period", async () => {
		const info = {
			kill_policy: { grace_period: { nanoseconds: 200_000_000 } },
			container: { type: "MESOS", network_infos: [{ name: "net1" }] },
			command: { value: "trap '' TERM; echo ready; while :; do sleep 0.1; done" },
		};
		const task = await agent.start({ info });
		await task.printed("ready");
		task.signal("SIGTERM");
		expect(await task.ended).toMatchObject({ exitCode: 137, message: "Command terminated with signal Killed" });
		expect(agent.left()).toEqual([]);
	});

	test("other signals are handed on", async () => {
		const script = "trap 'echo usr1' USR1; trap 'echo hup; exit 3' HUP; echo ready; while :; do sleep 0.05; done";
		const task = await agent.start({ networks: ["net1"], command: ["sh", "-c", script] });
		await task.printed("ready");
		task.signal("SIGUSR1");
		await task.printed("usr1");
		task.signal("SIGHUP");
		expect(await task.ended).toMatchObject({ exitCode: 3, output: "ready\nusr1\nhup\n" });
	});

	test("--status keeps the output to the command", () => {
		const file = join(world.directory, "statuses");
		const { stdout } = agent.run({ networks: ["net1"], command: ["echo", "hello"], options: ["--status", file] });
		expect(stdout).toBe("hello\n");
		const states = readFileSync(file, "utf8")
			.trimEnd()
			.split("\n")
			.map((line) => JSON.parse(line).state);
		expect(states).toEqual(["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]);
	});
});

describe("a request that cannot be honoured fails the task with the reason, and leaves nothing", () => {
	const address = (ip_address: string) => ({ name: "static", ip_addresses: [{ ip_address }] });
	const chain = () => ({
		name: "static",
		type: "chain",
		stateDir: join(world.directory, "chain"),
		plugins: [{ ...bridgeFile(world, { capabilities: { ips: true } }) }],
	});

	it.each<[string, object[], string]>([
		["a network that is not there", [{ name: "nope" }], "Unknown CNI network 'nope'"],
		["one network twice", [{ name: "net1" }, { name: "net1" }], "Attempted to join CNI network 'net1' multiple times"],
		["an address outside the range", [address("10.9.9.9")], "10.9.9.9"],
		["the gateway's address", [address("10.1.2.1")], "requested ip 10.1.2.1 is subnet's gateway"],
		[
			"two addresses of one family",
			[{ name: "static", ip_addresses: [{ ip_address: "10.1.2.7" }, { ip_address: "10.1.2.8" }] }],
			'"10.1.2.7" and "10.1.2.8" are both IPv4 addresses',
		],
		["half a character", [{ name: "net1", groups: ["\ud800"] }], '"\\ud800" is no text that UTF-8 could hold'],
	])("%s", (_, network_infos, reason) => {
		agent.network(chain());
		const outcome = agent.run({ info: { container: { type: "MESOS", network_infos } }, command: ["true"] });
		expect(outcome.states).toEqual(["TASK_FAILED"]);
		expect(outcome.message).toContain(reason);
		expect(outcome.statuses[0]).toMatchObject({ source: "SOURCE_AGENT", reason: "REASON_CONTAINER_LAUNCH_FAILED" });
		expect(outcome.exitCode).toBe(125);
		expect(agent.left()).toEqual([]);
	});

	test("an address that another task has", async () => {
		agent.network(chain());
		const info = { container: { type: "MESOS", network_infos: [address("10.1.2.50")] } };
		const first = await agent.start({ info, command: sleeping });
		expect(first.address).toBe("10.1.2.50");
		const second = agent.run({ info, command: ["true"] });
		expect(second.states).toEqual(["TASK_FAILED"]);
		expect(second.message).toContain("requested IP address 10.1.2.50 is not available");
		expect(ping(world.host, first.address)).toBe(true);
		first.signal("SIGTERM");
		await first.ended;
		expect(agent.left()).toEqual([]);
	});

	test("one of two networks fails: the other is taken back", () => {
		agent.network(bridgeFile(world, { name: "net2", bridge: "br1", ipam: hostLocal(world, ["10.1.3.0/24"]) }));
		agent.plugin("broken", 'if [ "$CNI_COMMAND" = ADD ]; then echo some text; exit 1; fi');
		agent.network({ name: "net3", type: "broken" });
		const outcome = agent.run({ networks: ["net1", "net3", "net2"], command: ["true"] });
		expect(outcome.states).toEqual(["TASK_FAILED"]);
		expect(outcome.message).toMatch(
			/^The CNI plugin '\S+\/broken' failed to attach container \S+ to CNI network 'net3': stdout='some text\n', stderr=''$/,
		);
		expect(agent.left()).toEqual([]);
	});
});

describe("what a tenant writes is validated", () => {
	it.each<[string, unknown, RegExp]>([
		["no JSON", "{", /Cannot read the task/],
		["a list", [], /must be an object/],
		["a task id with a slash", { task_id: { value: "../x" } }, /"task_id.value" of the task: it contains "\/"/],
		["an executor id of two lines", { executor: { executor_id: { value: "a\nb" } } }, /"executor.executor_id.value"/],
		["a host name of two lines", { container: { hostname: "a\n10.0.0.1 b" } }, /"container.hostname"/],
		["a container within a command", { command: { value: "true", container: {} } }, /a command has no container/],
		["another containerizer", { container: { type: "DOCKER" } }, /Can only prepare CNI networks for a MESOS container/],
		["an image", { container: { type: "MESOS", mesos: { image: {} } } }, /there are no images here/],
		["a variable without name", { command: { value: "x", environment: { variables: [{ name: "A=B" }] } } }, /no name/],
		["a port that is text", { container: { network_infos: [{ port_mappings: [{ host_port: "x" }] }] } }, /host_port/],
		["a label without key", { container: { network_infos: [{ labels: { labels: [{}] } }] } }, /labels\[0\].key" is/],
		["another protocol", { container: { network_infos: [{ ip_addresses: [{ protocol: "IPX" }] }] } }, /IPX/],
	])("%s", (_, info, reason) => {
		const outcome = agent.run({ info, command: ["true"] });
		expect([outcome.exitCode, outcome.stdout]).toEqual([1, ""]);
		expect(outcome.stderr).toMatch(reason);
		expect(agent.left()).toEqual([]);
	});

	it.each(["../x", "a/b", ".", "a..b", "a b", "", "a\nb", "x".repeat(243)])("the container id %j", (containerId) => {
		const outcome = agent.run({ networks: ["net1"], containerId, command: ["true"] });
		expect([outcome.exitCode, outcome.stdout]).toEqual([1, ""]);
		expect(outcome.stderr).toContain("Cannot use the container id");
		expect(agent.left()).toEqual([]);
	});

	test("a host name that is none, of an option", () => {
		const outcome = agent.run({ options: ["--hostname", "a b"], command: ["true"] });
		expect([outcome.exitCode, outcome.stdout]).toEqual([1, ""]);
		expect(outcome.stderr).toContain('"--hostname" of the task: "a b" is no host name');
		expect(agent.list()).toEqual([]);
		expect(agent.left()).toEqual([]);
	});

	test("a container id that is in use", async () => {
		const task = await agent.start({ networks: ["net1"], containerId: "one", command: sleeping });
		const second = agent.run({ networks: ["net1"], containerId: "one", command: ["true"] });
		expect([second.exitCode, second.stdout]).toEqual([1, ""]);
		expect(second.stderr).toContain('Cannot start a task in the container "one": there is one of this id');
		expect(ping(world.host, task.address)).toBe(true);
	});
});

describe("cnictl task kill, list", () => {
	test("kill ends tasks by either id, and waits until they are gone", async () => {
		const info = {
			task_id: { value: "by task" },
			container: { network_infos: [{ name: "net1", groups: ["dev", "β"] }] },
		};
		const first = await agent.start({ info, command: sleeping });
		const second = await agent.start({ networks: ["net1"], containerId: "by-container", command: sleeping });
		const [heading, ...rows] = agent.cnictl("list").stdout.trimEnd().split("\n");
		expect(heading).toMatch(/^TASK +CONTAINER +STATE +NETWORKS +ADDRESSES +GROUPS +AGE$/);
		expect(rows).toEqual([
			expect.stringMatching(/^by\?task +\S{36} +running +net1 +10\.1\.2\.2 +dev,β +\ds$/),
			expect.stringMatching(/^by-container +- +running +net1 +10\.1\.2\.3 +- +\ds$/),
		]);
		expect(agent.cnictl("kill", "by task", "by-container")).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
		expect(agent.left()).toEqual([]);
		expect([(await first.ended).states.at(-1), (await second.ended).states.at(-1)]).toEqual([
			"TASK_KILLED",
			"TASK_KILLED",
		]);
	});

	test("kill names what it does not know", () => {
		expect(agent.cnictl("kill", "nobody")).toMatchObject({
			exitCode: 1,
			stderr: 'Cannot kill the task "nobody": there is none; `cnictl task list` shows those that there are\n',
		});
	});

	test("without tasks list says so, and makes nothing", () => {
		expect(agent.cnictl("list").stdout).toBe(`no tasks in ${agent.runtimeDirectory}\n`);
		expect(existsSync(agent.runtimeDirectory)).toBe(false);
	});
});

describe("nested containers", () => {
	test("without networks of its own one shares those of the outermost, and its name", async () => {
		const outer = await agent.start({ networks: ["net1"], containerId: "outer", command: sleeping });
		const inner = agent.run({
			parent: "outer",
			containerId: "inner",
			command: ["sh", "-c", "hostname; readlink /proc/self/ns/net; cat /etc/hosts"],
		});
		const pid = String(outer.statuses.at(-1)?.container_status.executor_pid);
		const hosts = "127.0.0.1 localhost\n10.1.2.2 outer\n";
		expect(inner.output).toBe(`outer\n${readlinkSync(`/proc/${pid}/ns/net`)}\n${hosts}`);
		expect(inner.statuses.at(-1)?.container_status).toMatchObject({
			container_id: { value: "inner", parent: { value: "outer" } },
			network_infos: [{ name: "net1", ip_addresses: [{ protocol: "IPv4", ip_address: "10.1.2.2" }] }],
		});
		expect(ping(world.host, outer.address)).toBe(true);
	});

	test("with one of its own it has its own address and name; it ends with the outer one", async () => {
		await agent.start({ networks: ["net1"], containerId: "outer", command: sleeping });
		const inner = await agent.start({
			networks: ["net1"],
			parent: "outer",
			containerId: "inner",
			command: ["sh", "-c", "hostname; exec sleep 1000"],
		});
		expect(inner.containerId).toBe("outer.inner");
		expect(inner.address).toBe("10.1.2.3");
		expect(agent.cnictl("kill", "outer").exitCode).toBe(0);
		expect(await inner.ended).toMatchObject({ output: "inner\n", exitCode: 143 });
		expect(agent.left()).toEqual([]);
	});

	test("a parent that is not there", () => {
		const outcome = agent.run({ parent: "nobody", command: ["true"] });
		expect(outcome).toMatchObject({
			exitCode: 1,
			stderr: expect.stringContaining('in container "nobody": no task runs there'),
		});
	});
});

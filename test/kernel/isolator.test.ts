/**
 * The cases of Mesos's own `cni_isolator_tests.cpp` that need no master, by their names, and what else its isolator does.
 * Those that run an image from the internet run on the host's file system; the mock plugin is Mesos's, a script.
 */
import {
	cpSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	realpathSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, test } from "@jest/globals";
import { attempt, runIn } from "../support/namespace.ts";
import { httpGet, serve } from "../support/traffic.ts";
import { createWorld, keptByPortMaps, type World } from "../support/world.ts";
import { type Agent, bridgeFile, createAgent, linesOf } from "./agent.ts";
import { hostLocal } from "./bridge-network.ts";
import { flagsOf, startContainerProcess, startIsolator } from "./isolator-driver.ts";

let world: World;
let agent: Agent;

/** Where the mock plugin writes how it was called. */
const calls = () => join(world.directory, "calls");

/** Writes the mock plugin: every command is noted, ADD answers with an address and a nameserver. */
function mock(answer = '{"ip4": {"ip": "10.7.7.7/24"}, "dns": {"nameservers": ["10.7.7.1"]}}', more = ""): void {
	agent.plugin(
		"mockPlugin",
		[
			`echo "$CNI_COMMAND $CNI_IFNAME" >>'${calls()}'`,
			more,
			`if [ "$CNI_COMMAND" = ADD ]; then echo '${answer}'; fi`,
		].join("\n"),
	);
}

beforeEach(() => {
	world = createWorld();
	agent = createAgent(world);
	mock();
	// Without extension, as Mesos's own.
	agent.network({ name: "mock", type: "mockPlugin" }, "mockConfig");
});
afterEach(() => {
	agent[Symbol.dispose]();
	world.dispose();
});

const sleeping = ["sleep", "1000"];

test("ROOT_INTERNET_CURL_LaunchCommandTask", () => {
	const { states, exitCode } = agent.run({ networks: ["mock"], command: ["true"] });
	expect(states).toEqual(["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]);
	expect(exitCode).toBe(0);
	expect(agent.left()).toEqual([]);
});

test("ROOT_VerifyCheckpointedInfo", async () => {
	const task = await agent.start({ networks: ["mock"], command: sleeping });
	const directory = join(agent.stateRoot, task.containerId);
	const files = ["mock/network.conf", "mock/eth0/network.info", "ns", "hostname", "hosts", "resolv.conf"];
	expect(files.filter((file) => statSync(join(directory, file), { throwIfNoEntry: false })?.isFile() !== true)).toEqual(
		[],
	);
	expect(readdirSync(directory, { recursive: true }).sort()).toEqual([...files, "mock", "mock/eth0"].sort());
	task.signal("SIGTERM");
	await task.ended;
	expect(existsSync(directory)).toBe(false);
	expect(agent.left()).toEqual([]);
});

test("ROOT_FailedPlugin", () => {
	agent.plugin(
		"mockPlugin",
		`echo "$CNI_COMMAND" >>'${calls()}'; if [ "$CNI_COMMAND" = ADD ]; then echo "Plugin failed"; exit 1; fi`,
	);
	const { states, message } = agent.run({ networks: ["mock"], command: ["true"] });
	expect(states).toEqual(["TASK_FAILED"]);
	expect(message).toContain("stdout='Plugin failed\n', stderr=''");
	// Also the network that failed is detached.
	expect(linesOf(calls())).toEqual(["ADD", "DEL"]);
	expect(agent.left()).toEqual([]);
});

test("ROOT_DestroyWhilePreparing", async () => {
	const isolator = await startIsolator(world, flagsOf(agent));
	expect(await isolator.call("prepare", { id: "c1", networkInfos: [{ name: "mock" }] })).toEqual({
		ownNetwork: true,
		environment: { LIBPROCESS_IP: "0.0.0.0" },
	});
	await isolator.call("cleanup", { id: "c1" });
	expect(linesOf(calls())).toEqual([]);
	await isolator.stop();
	expect(agent.left()).toEqual([]);
});

test("ROOT_SlaveRecovery", async () => {
	agent.network(bridgeFile(world));
	await using process = await startContainerProcess(world);
	const first = await startIsolator(world, flagsOf(agent));
	const networkInfos = [{ name: "mock", labels: { labels: [{ key: "a", value: "b" }] } }, { name: "net1" }];
	await first.call("prepare", { id: "c1", networkInfos });
	await first.call("isolate", { id: "c1", pid: process.pid, hostname: "c1" });
	const status = await first.call("status", { id: "c1" });
	await first.stop();

	const second = await startIsolator(world, flagsOf(agent));
	expect(await second.call("recover", { known: ["c1"] })).toEqual({ recovered: ["c1"], removed: [], failed: [] });
	expect(await second.call("status", { id: "c1" })).toEqual(status);
	expect(linesOf(calls())).toEqual(["ADD eth0"]);
	await process.kill();
	await second.call("cleanup", { id: "c1" });
	expect(linesOf(calls())).toEqual(["ADD eth0", "DEL eth0"]);
	await second.stop();
	expect(agent.left()).toEqual([]);
});

test("ROOT_EnvironmentLibprocessIP", () => {
	const command = ["sh", "-c", 'test "$LIBPROCESS_IP" = "0.0.0.0"'];
	expect(agent.run({ networks: ["mock"], command }).states.at(-1)).toBe("TASK_FINISHED");
});

test("ROOT_INTERNET_CURL_LaunchContainerInHostNetwork", () => {
	const { output } = agent.run({ command: ["sh", "-c", "cat /etc/resolv.conf /etc/hosts; ip -br link"] });
	expect(output).toBe(
		["/etc/resolv.conf", "/etc/hosts"].map((file) => readFileSync(file, "utf8")).join("") +
			runIn(world.host, ["ip", "-br", "link"]),
	);
});

test("ROOT_DynamicAddDelofCniConfig", async () => {
	rmSync(join(agent.configDirectory, "mockConfig"));
	await using process = await startContainerProcess(world);
	const isolator = await startIsolator(world, flagsOf(agent));
	const prepare = (id: string) => isolator.call("prepare", { id, networkInfos: [{ name: "mock" }] });
	await expect(prepare("c1")).rejects.toThrow("Unknown CNI network 'mock'");
	agent.network({ name: "mock", type: "mockPlugin" }, "later");
	await prepare("c2");
	await isolator.call("isolate", { id: "c2", pid: process.pid, hostname: "c2" });
	rmSync(join(agent.configDirectory, "later"));
	await expect(prepare("c3")).rejects.toThrow("Unknown CNI network 'mock'");
	// DEL needs no file.
	await isolator.call("cleanup", { id: "c2" });
	// Another network under the same file name.
	agent.network({ name: "other", type: "mockPlugin" }, "later");
	await expect(prepare("c4")).rejects.toThrow("Unknown CNI network 'mock'");
	await isolator.call("prepare", { id: "c5", networkInfos: [{ name: "other" }] });
	await isolator.stop();
});

test("ROOT_OverrideHostname", () => {
	const info = {
		container: { type: "MESOS", hostname: "test", network_infos: [{ name: "mock" }] },
		command: { value: "hostname" },
	};
	expect(agent.run({ info }).output).toBe("test\n");
	expect(hostname()).not.toBe("test");
});

test("ROOT_VerifyResolverConfig", async () => {
	const dns = {
		nameservers: ["1.1.1.1", "1.1.1.2"],
		domain: "mesos.apache.org",
		search: ["a.mesos.apache.org", "a.mesos.apache.org"],
		options: ["option1", "option2"],
	};
	// The same for every command.
	agent.plugin("mockPlugin", `echo '${JSON.stringify({ ip4: { ip: "10.7.7.7/24" }, dns })}'`);
	const { output } = agent.run({ networks: ["mock"], command: ["cat", "/etc/resolv.conf"] });
	expect(output).toBe(
		"domain mesos.apache.org\nsearch a.mesos.apache.org a.mesos.apache.org\noptions option1 option2\n" +
			"nameserver 1.1.1.1\nnameserver 1.1.1.2\n",
	);
	expect(agent.left()).toEqual([]);
});

test("ROOT_INTERNET_VerifyResolverConfig", async () => {
	// There, the second is one of the internet; the first answers neither there nor here.
	await using _server = await serve(world.host, { protocol: "dns", port: 53, body: "192.0.2.80" });
	agent.network(bridgeFile(world, { dns: { nameservers: ["127.0.0.1", "10.1.2.1"], options: ["timeout:1"] } }));
	const { output } = agent.run({ networks: ["net1"], command: ["getent", "ahostsv4", "www.mesos.test"] });
	expect(output).toMatch(/^192\.0\.2\.80 +STREAM www\.mesos\.test$/m);
	expect(agent.left()).toEqual([]);
});

/** As small as it can be: a shell and what it needs, in the place of an image. */
function image(): string {
	const directory = join(world.directory, "image");
	for (const program of ["/bin/sh", "/bin/cat", "/bin/hostname"]) {
		const libraries = attempt(["ldd", program]).stdout.match(/\/\S+/g) ?? [];
		for (const file of [program, ...libraries]) cpSync(realpathSync(file), join(directory, file));
	}
	return directory;
}

describe("ROOT_INTERNET_CURL_ReadOnlyBindMounts", () => {
	test("on the host's network an image has the host's files, and cannot write to them", () => {
		const rootfs = image();
		const command = ["/bin/sh", "-c", "cat /etc/resolv.conf /etc/hosts; echo x >/etc/resolv.conf"];
		const { output, stderr, states } = agent.run({ command, options: ["--rootfs", rootfs] });
		expect(output).toBe(["/etc/resolv.conf", "/etc/hosts"].map((file) => readFileSync(file, "utf8")).join(""));
		expect(stderr).toMatch(/Read-only file system/);
		expect(states.at(-1)).toBe("TASK_FAILED");
		expect(readFileSync(join(rootfs, "etc/resolv.conf"), "utf8")).toBe("");
	});

	test("on a network of its own it has its own, wherever its links lead", () => {
		const rootfs = image();
		const outside = join(world.directory, "outside");
		writeFileSync(outside, "host");
		for (const directory of ["etc", "run", world.directory]) mkdirSync(join(rootfs, directory), { recursive: true });
		symlinkSync(`../../../../../../../..${outside}`, join(rootfs, "etc/hosts"));
		symlinkSync("/run/resolv.conf", join(rootfs, "etc/resolv.conf"));
		const command = ["/bin/sh", "-c", "hostname; cat /etc/hosts /etc/resolv.conf"];
		const task = { networks: ["mock"], containerId: "c1", command, options: ["--rootfs", rootfs] };
		expect(agent.run(task).output).toBe("c1\n127.0.0.1 localhost\n10.7.7.7 c1\nnameserver 10.7.7.1\n");
		expect(readFileSync(outside, "utf8")).toBe("host");
		expect(agent.left()).toEqual([]);
	});
});

test("CniIsolatorPortMapperTest.ROOT_IPTABLES_NC_PortMapper", async () => {
	const delegate = bridgeFile(world);
	agent.network({ name: "mapped", type: "mesos-cni-port-mapper", chain: "MESOS-TEST", delegate });
	runIn(world.host, ["ip", "link", "add", "up0", "up", "type", "bridge"]);
	runIn(world.host, ["ip", "address", "add", "192.0.2.7/24", "dev", "up0"]);
	const ports = [31000, 31001, 31002];
	const tasks = await Promise.all(
		ports.map((host_port) => {
			const port_mappings = [{ host_port, container_port: 80, protocol: "tcp" }];
			const info = { container: { type: "MESOS", network_infos: [{ name: "mapped", port_mappings }] } };
			return agent.start({ info, command: sleeping });
		}),
	);
	for (const [index, task] of tasks.entries()) {
		expect(task.statuses.at(-1)?.container_status.network_infos).toHaveLength(1);
		await using _server = await serve(task.container, { port: 80, body: `task ${index}` });
		expect(httpGet(world.host, `http://192.0.2.7:${ports[index]}/`)).toBe(`task ${index}`);
	}
	for (const task of tasks) task.signal("SIGTERM");
	await Promise.all(tasks.map(({ ended }) => ended));
	expect(httpGet(world.host, `http://192.0.2.7:${ports[0]}/`, { timeoutSeconds: 1 })).toBeUndefined();
	expect(agent.left([...keptByPortMaps, /\bup0\b|\b192\.0\.2\.7\b/])).toEqual([]);
});

test.each(["host", "mock"])("DefaultExecutorCniTest.ROOT_VerifyContainerIP (%s)", (network) => {
	runIn(world.host, ["ip", "link", "add", "up0", "up", "type", "bridge"]);
	runIn(world.host, ["ip", "address", "add", "192.0.2.7/24", "dev", "up0"]);
	const { output } = agent.run({
		networks: network === "host" ? [] : [network],
		command: ["sh", "-c", "echo $MESOS_CONTAINER_IP"],
	});
	expect(output).toBe(network === "host" ? "192.0.2.7\n" : "10.7.7.7\n");
});

test.each([true, false])(
	"NestedContainerCniTest.ROOT_INTERNET_CURL_VerifyContainerHostname (joins its parent: %s)",
	async (joins) => {
		const info = { container: { type: "MESOS", hostname: "outer-host", network_infos: [{ name: "mock" }] } };
		await agent.start({ info, containerId: "outer", command: sleeping });
		const nested = agent.run({
			parent: "outer",
			containerId: "inner",
			networks: joins ? [] : ["mock"],
			command: ["sh", "-c", "hostname; cat /etc/hostname; echo"],
		});
		expect(nested.output).toBe(joins ? "outer-host\nouter-host\n" : "inner\ninner\n");
	},
);

describe("DefaultContainerDNSCniTest.ROOT_VerifyDefaultDNS", () => {
	const named = {
		network_mode: "CNI",
		network_name: "mock",
		dns: { nameservers: ["8.8.8.8"], domain: "named", search: ["s"], options: ["o:1"] },
	};
	const nameless = { network_mode: "CNI", dns: { nameservers: ["9.9.9.9"] } };
	const fromNamed = "domain named\nsearch s\noptions o:1\nnameserver 8.8.8.8\n";

	it.each([
		["named", [named], fromNamed],
		["nameless", [nameless], "nameserver 9.9.9.9\n"],
		["both", [nameless, named], fromNamed],
	])("%s", (_, mesos, expected) => {
		mock('{"ip4": {"ip": "10.7.7.7/24"}, "dns": {"search": ["dropped"]}}');
		const options = ["--default-container-dns", JSON.stringify({ mesos })];
		expect(agent.run({ networks: ["mock"], command: ["cat", "/etc/resolv.conf"], options }).output).toBe(expected);
	});

	test("none: the host's file", () => {
		mock('{"ip4": {"ip": "10.7.7.7/24"}}');
		expect(agent.run({ networks: ["mock"], command: ["cat", "/etc/resolv.conf"] }).output).toBe(
			readFileSync("/etc/resolv.conf", "utf8"),
		);
	});
});

test("VETH_VerifyResourceStatistics", async () => {
	agent.network(bridgeFile(world));
	agent.network(
		bridgeFile(world, {
			name: "net2",
			bridge: "br1",
			isDefaultGateway: false,
			isGateway: true,
			ipam: hostLocal(world, ["10.1.3.0/24"]),
		}),
	);
	const task = await agent.start({ networks: ["net1", "net2"], command: sleeping });
	const counters = ["packets", "bytes", "errors", "dropped"].flatMap((what) => [`net_rx_${what}`, `net_tx_${what}`]);
	const before = agent.list()[0]?.statistics ?? {};
	expect(Object.keys(before).sort()).toEqual(counters.sort());
	runIn(task.container, ["ping", "-q", "-i", "0.01", "-c", "20", "10.1.2.1"]);
	runIn(task.container, ["ping", "-q", "-i", "0.01", "-c", "30", "10.1.3.1"]);
	const after = agent.list()[0]?.statistics ?? {};
	expect((after.net_tx_packets ?? 0) - (before.net_tx_packets ?? 0)).toBeGreaterThanOrEqual(50);
	expect((after.net_rx_bytes ?? 0) - (before.net_rx_bytes ?? 0)).toBeGreaterThanOrEqual(50 * 98);
});

test("ROOT_VerifyCniRootDir", async () => {
	for (const runtimeDirectory of [join(world.directory, "runtime"), join(world.directory, "work")]) {
		const isolator = await startIsolator(world, { ...flagsOf(agent), runtimeDirectory });
		const stateRoot = await isolator.call("stateRoot");
		expect(stateRoot).toBe(join(runtimeDirectory, "isolators/network/cni"));
		expect(runIn(world.host, ["findmnt", "-n", "-o", "PROPAGATION", String(stateRoot)])).toBe("shared\n");
		await isolator.stop();
	}
});

/** Ends the container as a reboot would: its process is gone, nothing is mounted any more, the files are there. */
function reboot(): void {
	attempt(["umount", "--lazy", join(agent.stateRoot, "c1/ns")]);
	attempt(["umount", "--lazy", agent.stateRoot]);
}

test("ROOT_CleanupAfterReboot", async () => {
	mock(undefined, `echo "netns=\${CNI_NETNS-unset}" >>'${calls()}'`);
	agent.network(bridgeFile(world));
	const process = await startContainerProcess(world);
	const first = await startIsolator(world, flagsOf(agent));
	await first.call("prepare", { id: "c1", networkInfos: [{ name: "mock" }, { name: "net1" }] });
	await first.call("isolate", { id: "c1", pid: process.pid, hostname: "c1" });
	await first.stop();
	await process.kill();
	reboot();
	expect(statSync(join(agent.stateRoot, "c1/ns")).size).toBe(0);

	const second = await startIsolator(world, flagsOf(agent));
	expect(await second.call("recover", { known: [] })).toEqual({ recovered: [], removed: ["c1"], failed: [] });
	await second.stop();
	expect(linesOf(calls())).toEqual(["ADD eth0", `netns=${join(agent.stateRoot, "c1/ns")}`, "DEL eth0", "netns=unset"]);
	expect(agent.left()).toEqual([]);
});

test("ROOT_VETH_VerifyNestedContainerIPAfterReboot", async () => {
	agent.network(bridgeFile(world));
	await using process = await startContainerProcess(world);
	const first = await startIsolator(world, flagsOf(agent));
	await first.call("prepare", { id: "outer", networkInfos: [{ name: "net1" }] });
	await first.call("isolate", { id: "outer", pid: process.pid, hostname: "outer" });
	await first.call("prepare", { id: "outer.inner", networkInfos: [] });
	await first.stop();
	const second = await startIsolator(world, flagsOf(agent));
	await second.call("recover", { known: ["outer", "outer.inner"] });
	expect(await second.call("status", { id: "outer.inner" })).toEqual({
		container_id: { value: "inner", parent: { value: "outer" } },
		network_infos: [{ name: "net1", ip_addresses: [{ protocol: "IPv4", ip_address: "10.1.2.2" }] }],
	});
	await second.call("cleanup", { id: "outer" });
	await second.stop();
	expect(agent.left()).toEqual([]);
});

describe("plugins are run as Mesos runs them", () => {
	test("environment, arguments, working directory and stdin", async () => {
		const seen = join(world.directory, "seen");
		agent.plugin(
			"mockPlugin",
			`{ tr '\\0' '\\n' </proc/$$/environ | sort; echo "args $#"; pwd; stat -L -c %F /proc/$$/fd/0; cat; echo; } >'${seen}'.$CNI_COMMAND; echo '{"ip4":{"ip":"10.7.7.7/24"}}'`,
		);
		agent.network(
			'{"type":"mockPlugin","name":"mock","z":{"10":1,"9":2,"a":[{"d":1,"c":"/"}]},"args":{"own":{"b":1,"a":2}}}',
			"mockConfig",
		);
		const network_infos = [
			{
				name: "mock",
				ip_addresses: [{}, { protocol: "IPv6" }, { ip_address: "fd00::3" }],
				groups: ["dev", "test"],
				labels: { labels: [{ key: "app", value: "web" }, { key: "flag" }] },
				port_mappings: [
					{ host_port: 8080, container_port: 80, protocol: "TCP" },
					{ host_port: 1, container_port: 2 },
				],
				not_of_the_message: 1,
			},
		];
		const info = { container: { type: "MESOS", network_infos } };
		expect(
			agent.run({ info, containerId: "c-1", command: ["true"], env: { HOME: "/root", CNI_ARGS: "x=y" } }).exitCode,
		).toBe(0);
		const stdin =
			'{"args":{"org.apache.mesos":{"network_info":{"groups":["dev","test"],' +
			'"ip_addresses":[{"protocol":"IPv4"},{"protocol":"IPv6"},{"ip_address":"fd00::3","protocol":"IPv4"}],' +
			'"labels":{"labels":[{"key":"app","value":"web"},{"key":"flag"}]},"name":"mock",' +
			'"port_mappings":[{"container_port":80,"host_port":8080,"protocol":"TCP"},{"container_port":2,"host_port":1}]}},' +
			'"own":{"a":2,"b":1}},"name":"mock","type":"mockPlugin","z":{"10":1,"9":2,"a":[{"c":"/","d":1}]}}';
		for (const command of ["ADD", "DEL"]) {
			expect(readFileSync(`${seen}.${command}`, "utf8")).toBe(
				`CNI_COMMAND=${command}\nCNI_CONTAINERID=c-1\nCNI_IFNAME=eth0\nCNI_NETNS=${agent.stateRoot}/c-1/ns\n` +
					`CNI_PATH=${agent.pluginPath}\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nargs 0\n${process.cwd()}\nregular file\n${stdin}\n`,
			);
		}
	});

	test("all networks at once, and eth0, eth1 in the order of the names", async () => {
		// Each waits for the other.
		mock(
			undefined,
			`touch '${world.directory}/'$CNI_IFNAME; if [ $CNI_COMMAND = ADD ]; then while [ ! -e '${world.directory}/eth0' -o ! -e '${world.directory}/eth1' ]; do sleep 0.01; done; fi`,
		);
		agent.network({ name: "mock2", type: "mockPlugin" });
		const info = { container: { network_infos: [{ name: "mock2" }, {}, { name: "mock" }] } };
		const { states, statuses } = agent.run({ info, command: ["true"] });
		expect(states.at(-1)).toBe("TASK_FINISHED");
		expect(statuses.at(-1)?.container_status.network_infos?.map(({ name }) => name)).toEqual(["mock2", "mock"]);
		expect(linesOf(calls()).sort()).toEqual(["ADD eth0", "ADD eth1", "DEL eth0", "DEL eth1"]);
	});

	it.each([
		["a newer result", '{"cniVersion":"1.1.0","ips":[{"address":"10.7.7.7/24"}]}', [{ name: "mock" }]],
		["null members", '{"ip4":null,"dns":null}', [{ name: "mock" }]],
		[
			"an IPv6 address keeps its length",
			'{"ip6":{"ip":"fd00::5/64"}}',
			[{ name: "mock", ip_addresses: [{ protocol: "IPv6", ip_address: "fd00::5/64" }] }],
		],
		["an error object with exit 0", '{"code":7,"msg":"x"}', [{ name: "mock" }]],
	])("a result that Mesos reads its way: %s", (_, answer, expected) => {
		mock(answer);
		const { states, statuses } = agent.run({ networks: ["mock"], command: ["true"] });
		expect(states.at(-1)).toBe("TASK_FINISHED");
		expect(statuses.at(-1)?.container_status.network_infos).toEqual(expected);
	});

	it.each([
		["nothing", "", /^Failed to parse the output of the CNI plugin '\S+mockPlugin': /],
		["two objects", "{}{}", /^Failed to parse the output/],
		["a list", "[]", /it is no JSON object/],
		["an address of the wrong type", '{"ip4":{"ip":7}}', /"ip4.ip" must be a string/],
		[
			"an address without length",
			'{"ip4":{"ip":"10.1.2.3"}}',
			/^Unable to parse the IP address 10.1.2.3 for the container/,
		],
	])("a result that Mesos refuses: %s", (_, answer, message) => {
		mock(answer);
		const outcome = agent.run({ networks: ["mock"], command: ["true"] });
		expect(outcome.states).toEqual(["TASK_FAILED"]);
		expect(outcome.message).toMatch(message);
		expect(linesOf(calls())).toEqual(["ADD eth0", "DEL eth0"]);
		expect(agent.left()).toEqual([]);
	});
});

describe("the configuration directory is read as Mesos reads it", () => {
	it.each<[string, string | object, string]>([
		[
			"a list of plugins",
			{ name: "n", plugins: [{ type: "mockPlugin" }] },
			"Cannot determine the 'type' of the CNI network 'n'",
		],
		["no JSON", "{", "Failed to parse CNI network configuration file"],
		["a plugin that is not there", { name: "n", type: "nope" }, "unable to find the plugin 'nope'"],
		[
			"an IPAM plugin that is not there",
			{ name: "n", type: "mockPlugin", ipam: { type: "nope" } },
			"unable to find the IPAM plugin 'nope'",
		],
		["an empty ipam", { name: "n", type: "mockPlugin", ipam: {} }, '"ipam" has no "type"'],
		[
			"a route to nowhere",
			{ name: "n", type: "mockPlugin", ipam: { type: "mockPlugin", routes: [{}] } },
			'has no "dst"',
		],
		["DNS of the wrong type", { name: "n", type: "mockPlugin", dns: { nameservers: [7] } }, '"dns" has a member'],
		["a name that is a path", { name: "../../x", type: "mockPlugin" }, "its name is '../../x'"],
		["a type that is a path", { name: "n", type: "../plugins/mockPlugin" }, "unable to find the plugin"],
	])("passed over, and said why: %s", (_, config, problem) => {
		agent.network(typeof config === "string" ? config : JSON.stringify(config), "spoilt");
		const outcome = agent.run({ networks: ["n"], command: ["true"] });
		expect(outcome.message).toContain("Unknown CNI network 'n'");
		expect(outcome.stderr).toContain(problem);
		expect(agent.run({ networks: ["mock"], command: ["true"] }).exitCode).toBe(0);
	});

	it("takes any file name, and not what is in folders", () => {
		agent.network({ name: "readme", type: "mockPlugin" }, "README.bak~");
		mkdirSync(join(agent.configDirectory, "folder"));
		agent.network({ name: "inner", type: "mockPlugin" }, "folder/inner.json");
		expect(agent.run({ networks: ["readme"], command: ["true"] }).exitCode).toBe(0);
		expect(agent.run({ networks: ["inner"], command: ["true"] }).message).toContain("Unknown CNI network 'inner'");
	});

	test("args that are reserved, or no object", () => {
		const reserved = { name: "mock", type: "mockPlugin", args: { "org.apache.mesos": {} } };
		agent.network(reserved, "mockConfig");
		expect(agent.run({ networks: ["mock"], command: ["true"] }).message).toBe(
			"'org.apache.mesos' in 'args' should not be set in CNI network configuration file. It is reserved by Mesos",
		);
		agent.network({ name: "mock", type: "mockPlugin", args: null }, "mockConfig");
		expect(agent.run({ networks: ["mock"], command: ["true"] }).message).toContain(
			"Invalid 'args' found in CNI network configuration file",
		);
		expect(linesOf(calls())).toEqual([]);
		expect(agent.left()).toEqual([]);
	});

	it.each([
		[{ pluginPath: "" }, "Missing required '--network_cni_plugins_dir' flag"],
		[{ configDirectory: "" }, "Missing required '--network_cni_config_dir' flag"],
		[{ configDirectory: "/nonexistent" }, "The CNI network configuration directory '/nonexistent' does not exist"],
	])("flags that keep an agent from starting: %j", async (flags, message) => {
		await expect(startIsolator(world, { ...flagsOf(agent), ...flags })).rejects.toThrow(message);
	});

	test("without both flags there is the host's network only", async () => {
		const isolator = await startIsolator(world, { runtimeDirectory: agent.runtimeDirectory });
		expect(await isolator.call("prepare", { id: "a", networkInfos: [{}] })).toEqual({
			ownNetwork: false,
			environment: {},
		});
		await expect(isolator.call("prepare", { id: "b", networkInfos: [{ name: "mock" }] })).rejects.toThrow(
			"Unknown CNI network 'mock'",
		);
		await isolator.stop();
	});
});

describe("cleanup and recovery", () => {
	test("a DEL that fails is kept, and tried again", async () => {
		mock(undefined, `if [ $CNI_COMMAND = DEL ] && [ -e '${world.directory}/broken' ]; then echo no; exit 1; fi`);
		agent.network(bridgeFile(world));
		writeFileSync(join(world.directory, "broken"), "");
		const outcome = agent.run({ networks: ["mock", "net1"], containerId: "c1", command: ["true"] });
		expect(outcome.exitCode).toBe(125);
		expect(outcome.stderr).toContain("failed to detach container c1 from CNI network 'mock': stdout='no\n', stderr=''");
		expect(readdirSync(join(agent.stateRoot, "c1"))).toContain("mock");
		expect(agent.list()).toMatchObject([{ container_id: "c1", state: "orphaned" }]);
		expect(agent.cnictl("recover").exitCode).toBe(1);
		rmSync(join(world.directory, "broken"));
		expect(agent.cnictl("recover")).toMatchObject({ exitCode: 0, stdout: "c1\n" });
		// The other network was detached once.
		expect(linesOf(calls())).toEqual(["ADD eth0", "DEL eth0", "DEL eth0", "DEL eth0"]);
		expect(agent.left()).toEqual([]);
	});

	test("a container is prepared once", async () => {
		const isolator = await startIsolator(world, flagsOf(agent));
		await isolator.call("prepare", { id: "c1", networkInfos: [{ name: "mock" }] });
		await expect(isolator.call("prepare", { id: "c1", networkInfos: [{ name: "mock" }] })).rejects.toThrow(
			"has already been prepared",
		);
		expect(await isolator.call("usage", { id: "unknown" })).toBeUndefined();
		expect(await isolator.call("status", { id: "unknown" })).toEqual({ container_id: { value: "unknown" } });
		await isolator.call("cleanup", { id: "unknown" });
		await isolator.stop();
	});

	test("what cannot be read keeps one container, and none of the others", async () => {
		const isolator = await startIsolator(world, flagsOf(agent));
		for (const [id, files] of Object.entries({
			empty: [],
			unattached: ["mock/"],
			two: ["mock/eth0/", "mock/eth1/"],
			spoilt: ["mock/eth0/", "mock/eth0/network.info"],
			unanswered: ["mock/eth0/"],
		})) {
			mkdirSync(join(agent.stateRoot, id));
			for (const file of files) {
				if (file.endsWith("/")) mkdirSync(join(agent.stateRoot, id, file), { recursive: true });
				else writeFileSync(join(agent.stateRoot, id, file), "spoilt");
			}
		}
		expect(await isolator.call("recover", { known: ["unanswered"] })).toEqual({
			recovered: ["unanswered"],
			removed: expect.arrayContaining(["empty", "unattached"]),
			failed: expect.arrayContaining([
				["two", expect.stringContaining("More than one interfaces detected for network 'mock'")],
				["spoilt", expect.stringContaining("Failed to parse the output")],
			]),
		});
		expect(readdirSync(agent.stateRoot).sort()).toEqual(["spoilt", "two", "unanswered"]);
		await isolator.stop();
	});
});

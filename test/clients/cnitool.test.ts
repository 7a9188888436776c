import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { cnictl, cnitool, createRuntimeClient, type Observation, type RuntimeClient } from "./runtime-client.ts";

/*
 * The runtime vectors L01 to L31 of the contract: each is played with cnictl and with the real cnitool, and what both
 * did must be the same; what the contract says about it is asserted of cnictl as well.
 */

const id = "cnitool-78dfe4335ecd1bbc4698"; // of /tmp/ns1
const cacheFile = `neta-${id}-eth0`;
const capabilities = { portMappings: [{ hostPort: 80, containerPort: 8080 }], mac: "x", zz: 1 };
const capArgs = { CAP_ARGS: JSON.stringify(capabilities) };
const listL = {
	cniVersion: "1.1.0",
	name: "neta",
	plugins: [
		{ type: "rec", id: 1, capabilities: { portMappings: true, mac: false } },
		{ type: "rec", id: 2 },
	],
};
const three = (cniVersion: string, second: object = {}) => ({
	cniVersion,
	name: "neta",
	plugins: [
		{ type: "rec", id: 1 },
		{ type: "rec", id: 2, ...second },
		{ type: "rec", id: 3 },
	],
});
const answer = (verb: string, error: object) => ({ answers: { [verb]: { stdout: JSON.stringify(error), exit: 1 } } });

test("L01 L02 add passes results on, hands out capabilities that were asked for, and caches the last result", () => {
	const [added] = play({ "10.conflist": listL }, [
		{ args: ["add", "neta", "/tmp/x/../ns1"], env: { CNI_ARGS: "A=b;C=d", ...capArgs } },
	]);
	const [first, second] = added.calls;
	expect(first?.stdin).toEqual({
		...listL.plugins[0],
		cniVersion: "1.1.0",
		name: "neta",
		runtimeConfig: { portMappings: capabilities.portMappings },
	});
	expect(first?.env).toMatchObject({ CNI_ARGS: "A=b;C=d", CNI_NETNS: "/tmp/ns1", CNI_CONTAINERID: id });
	expect(second?.stdin.prevResult).toEqual(JSON.parse(added.stdout));
	expect(JSON.parse(added.stdout)).toEqual({
		cniVersion: "1.1.0",
		interfaces: [{ name: "eth0", sandbox: "/tmp/ns1" }],
		ips: [{ address: "10.0.0.2/24" }],
	});
	expect(added.cache).toEqual({
		[cacheFile]: {
			kind: "cniCacheV1",
			containerId: id,
			config: Buffer.from(JSON.stringify(listL)).toString("base64"),
			ifName: "eth0",
			networkName: "neta",
			netns: "/tmp/ns1",
			cniArgs: [
				["A", "b"],
				["C", "d"],
			],
			capabilityArgs: capabilities,
			result: JSON.parse(added.stdout),
		},
	});
});

test("add prints four-space JSON without a newline and keeps the cache from other users", () => {
	using client = createRuntimeClient(cnictl);
	client.write("10.conflist", listL);
	const { stdout } = client.run(["add", "neta", "/tmp/ns1"]);
	expect(stdout).toBe(JSON.stringify(JSON.parse(stdout), null, 4));
	const mode = (path: string) => statSync(join(client.cacheDirectory, path)).mode & 0o777;
	expect(mode("results")).toBe(0o700);
	expect(mode(`results/${cacheFile}`)).toBe(0o600);
});

test("what cnitool added, cnictl checks and deletes, and the other way round", () => {
	for (const [adds, deletes] of [
		[cnitool, cnictl],
		[cnictl, cnitool],
	] as const) {
		using client = createRuntimeClient(adds);
		client.write("10.conflist", listL);
		expect(client.run(["add", "neta", "/tmp/ns1"]).exitCode).toBe(0);
		const checked = client.runWith(deletes, ["check", "neta", "/tmp/ns1"]);
		expect(checked.calls.map((call) => Object.keys(call.stdin.prevResult ?? {}).length)).toEqual([3, 3]);
		const deleted = client.runWith(deletes, ["del", "neta", "/tmp/ns1"]);
		expect(deleted.calls.every((call) => call.stdin.prevResult !== undefined)).toBe(true);
		expect(deleted.cache).toEqual({});
	}
});

test("L03 check asks in order, each with the final result, and with runtimeConfig only if given again", () => {
	const [, checked, again] = play({ "10.conflist": listL }, [
		{ args: ["add", "neta", "/tmp/ns1"], env: capArgs },
		{ args: ["check", "neta", "/tmp/ns1"] },
		{ args: ["check", "neta", "/tmp/ns1"], env: capArgs },
	]);
	expect(verbs(checked)).toEqual(["CHECK 1", "CHECK 2"]);
	expect(checked.calls[0]?.stdin).not.toHaveProperty("runtimeConfig");
	expect(again.calls[0]?.stdin).toHaveProperty("runtimeConfig");
	expect(checked.calls[0]?.stdin.prevResult).toEqual(checked.calls[1]?.stdin.prevResult);
});

test("L04 status asks in order, with empty variables", () => {
	const [status] = play({ "10.conflist": listL }, [{ args: ["status", "neta", "/tmp/ns1"] }]);
	expect(verbs(status)).toEqual(["STATUS 1", "STATUS 2"]);
	expect(status.calls[0]?.env).toEqual({
		CNI_COMMAND: "STATUS",
		CNI_CONTAINERID: "",
		CNI_NETNS: "",
		CNI_IFNAME: "",
		CNI_ARGS: "",
	});
});

test("L05 gc deletes what is cached, as it was added, then asks every plugin without any list", () => {
	const [, gc] = play({ "10.conflist": listL }, [
		{ args: ["add", "neta", "/tmp/ns1"], env: { CNI_ARGS: "A=b;C=d", ...capArgs } },
		{ args: ["gc", "neta", "/tmp/ns1"] },
	]);
	expect(verbs(gc)).toEqual(["DEL 2", "DEL 1", "GC 1", "GC 2"]);
	expect(gc.calls[1]?.env.CNI_ARGS).toBe("A=b;C=d");
	expect(gc.calls[1]?.stdin).toMatchObject({ runtimeConfig: { portMappings: capabilities.portMappings } });
	expect(gc.calls[1]?.stdin).toHaveProperty("prevResult");
	expect(Object.keys(gc.calls[2]?.stdin ?? {}).filter((key) => key.startsWith("cni.dev/"))).toEqual([]);
	expect(gc.cache).toEqual({});
});

test("L08 del without a cached result calls in reverse without prevResult", () => {
	const [deleted] = play({ "10.conflist": listL }, [{ args: ["del", "neta", "/tmp/ns1"] }]);
	expect(deleted.exitCode).toBe(0);
	expect(verbs(deleted)).toEqual(["DEL 2", "DEL 1"]);
	expect(deleted.calls[0]?.stdin).not.toHaveProperty("prevResult");
});

test("L09 a configuration without a version speaks 0.1.0", () => {
	const [added] = play({ "10.conf": { name: "n1", type: "rec" } }, [{ args: ["add", "n1", "/tmp/ns1"] }]);
	expect(added.calls[0]?.stdin).toEqual({ name: "n1", type: "rec", cniVersion: "" });
	expect(JSON.parse(added.stdout)).toEqual({ cniVersion: "0.1.0", dns: {} });
});

test("L10 without a version CHECK is refused, STATUS and GC do nothing", () => {
	const observed = play({ "10.conf": { name: "n1", type: "rec" } }, [
		{ args: ["check", "n1", "/tmp/ns1"] },
		{ args: ["status", "n1", "/tmp/ns1"] },
		{ args: ["gc", "n1", "/tmp/ns1"] },
	]);
	expect(observed.map(({ exitCode }) => exitCode)).toEqual([1, 0, 0]);
	expect(observed[0].stderr).toContain('configuration version "" does not support the CHECK command');
	expect(observed.flatMap(({ calls }) => calls)).toEqual([]);
});

test("L11 before 0.4.0 DEL gets no result; a forgotten ips[].version is filled in from the address", () => {
	// The reference prints "" there (and drops the address when somebody converts it), so only the rest is compared.
	const files = { "10.json": { name: "n1", cniVersion: "0.3.1", type: "rec" } };
	const steps = [{ args: ["add", "n1", "/tmp/ns1"] }, { args: ["del", "n1", "/tmp/ns1"] }];
	const [added, deleted] = playWith(cnictl, files, steps);
	expect(JSON.parse(added.stdout).ips).toEqual([{ version: "4", address: "10.0.0.2/24" }]);
	expect(deleted.calls[0]?.stdin).not.toHaveProperty("prevResult");
	const [reference] = playWith(cnitool, files, steps);
	expect(JSON.parse(reference.stdout).ips).toEqual([{ version: "", address: "10.0.0.2/24" }]);
});

test("L12 the newest version that exists is chosen; disableCheck may be text", () => {
	const list = { ...listL, cniVersions: ["0.3.1", "9.0.0", "1.0.0"], cniVersion: "0.4.0", disableCheck: "TRUE" };
	const [added, checked] = play({ "10.conflist": list }, [
		{ args: ["add", "neta", "/tmp/ns1"] },
		{ args: ["check", "neta", "/tmp/ns1"] },
	]);
	expect(added.calls.map(({ stdin }) => stdin.cniVersion)).toEqual(["1.0.0", "1.0.0"]);
	expect([checked.exitCode, checked.calls]).toEqual([0, []]);
});

test("L13 an unknown version alone is handed to the plugin", () => {
	const [added] = play({ "10.conflist": { ...listL, cniVersion: "9.0.0" } }, [{ args: ["add", "neta", "/tmp/ns1"] }]);
	expect(added.calls[0]?.stdin.cniVersion).toBe("9.0.0");
	expect(added.stderr).toContain('unsupported CNI result version "9.0.0"');
});

test("L14 only unknown versions to choose from leave it unset", () => {
	const { cniVersion: _, ...list } = listL;
	const [status, added] = play({ "10.conflist": { ...list, cniVersions: ["9.0.0"] } }, [
		{ args: ["status", "neta", "/tmp/ns1"] },
		{ args: ["add", "neta", "/tmp/ns1"] },
	]);
	expect(status.exitCode).toBe(0);
	expect(added.calls[0]?.stdin.cniVersion).toBe("");
});

test("L15 plugins come from the folder of the network's name, by file name, .conf only", () => {
	const [added] = play(
		{
			"10.conflist": { name: "n1", cniVersion: "1.1.0" },
			"n1/20.conf": { type: "rec", id: 20 },
			"n1/10.conf": { type: "rec", id: 10 },
			"n1/05.json": { type: "rec", id: 5 },
		},
		[{ args: ["add", "n1", "/tmp/ns1"] }],
	);
	expect(verbs(added)).toEqual(["ADD 10", "ADD 20"]);
});

test("L16 plugins of the list come before those of the folder, and alone with loadOnlyInlinedPlugins", () => {
	const folder = { "neta/10.conf": { type: "rec", id: 10 } };
	const steps = [{ args: ["add", "neta", "/tmp/ns1"] }];
	expect(verbs(play({ "10.conflist": listL, ...folder }, steps)[0])).toEqual(["ADD 1", "ADD 2", "ADD 10"]);
	const only = { ...listL, loadOnlyInlinedPlugins: true };
	expect(verbs(play({ "10.conflist": only, ...folder }, steps)[0])).toEqual(["ADD 1", "ADD 2"]);
});

test("L17 a broken file fails the lookup of what sorts after it, and the error names the file", () => {
	const steps = [{ args: ["status", "neta", "/tmp/ns1"] }];
	const [failed] = play({ "10.conflist": '{"name":"x"\n  "plugins":[]}', "20.conflist": listL }, steps);
	expect(failed.exitCode).toBe(1);
	expect(failed.stderr).toMatch(/10\.conflist": line 2, column 3/);
	expect(play({ "30.conflist": "{", "20.conflist": listL }, steps)[0].exitCode).toBe(0);
});

test("L18 a list wins over a single configuration of the same name", () => {
	const [status] = play({ "10.conf": { ...listL.plugins[1], name: "neta", id: 9 }, "90.conflist": listL }, [
		{ args: ["status", "neta", "/tmp/ns1"] },
	]);
	expect(verbs(status)).toEqual(["STATUS 1", "STATUS 2"]);
});

test("L19 status ends with the first plugin that is not ready", () => {
	const list = three("1.1.0", answer("STATUS", { code: 50, msg: "nope", details: "d" }));
	const [status] = play({ "10.conflist": list }, [{ args: ["status", "neta", "/tmp/ns1"] }]);
	expect(status).toMatchObject({ exitCode: 1, stderr: "nope; d\n" });
	expect(verbs(status)).toEqual(["STATUS 1", "STATUS 2"]);
});

test("L20 L21 a failed del keeps the cache for a retry; gc tries it again and still asks every plugin", () => {
	const broken = three("1.1.0", { answers: { DEL: { stderr: "boom\n", exit: 3 } } });
	const steps = [
		{ args: ["add", "neta", "/tmp/ns1"] },
		{ args: ["del", "neta", "/tmp/ns1"] },
		{ args: ["gc", "neta", "/tmp/ns1"] },
	];
	const [, deleted, gc] = play({ "10.conflist": broken }, steps);
	expect(verbs(deleted)).toEqual(["DEL 3", "DEL 2"]);
	const problem = 'plugin type="rec" failed (delete): netplugin failed: "boom\\n": exit status 3';
	expect(deleted.stderr).toContain(problem);
	expect(Object.keys(deleted.cache)).toEqual([cacheFile]);
	expect(verbs(gc)).toEqual(["DEL 3", "DEL 2", "GC 1", "GC 2", "GC 3"]);
	expect(gc.stderr).toContain(`failed to delete stale attachment ${id} eth0: ${problem}`);
	expect(gc.exitCode).toBe(1);
});

test("L22 gc asks every plugin and tells every failure", () => {
	const failing = { type: "rec", ...answer("GC", { code: 123, msg: "gc bad" }) };
	const list = { ...listL, plugins: [failing, failing] };
	const [gc] = play({ "10.conflist": list }, [{ args: ["gc", "neta", "/tmp/ns1"] }]);
	expect(gc.stderr).toBe("failed to GC plugin rec: gc bad\nfailed to GC plugin rec: gc bad\n");
	expect([gc.exitCode, gc.calls.length]).toEqual([1, 2]);
});

test("L23 disableGC stops gc from doing anything", () => {
	const [, gc] = play({ "10.conflist": { ...listL, disableGC: true } }, [
		{ args: ["add", "neta", "/tmp/ns1"] },
		{ args: ["gc", "neta", "/tmp/ns1"] },
	]);
	expect([gc.exitCode, gc.calls, Object.keys(gc.cache)]).toEqual([0, [], [cacheFile]]);
});

test("L24 before 1.1.0 gc deletes stale attachments and asks no plugin", () => {
	const [, gc] = play({ "10.conflist": { ...listL, cniVersion: "1.0.0" } }, [
		{ args: ["add", "neta", "/tmp/ns1"] },
		{ args: ["gc", "neta", "/tmp/ns1"] },
	]);
	expect(verbs(gc)).toEqual(["DEL 2", "DEL 1"]);
});

test.each([
	["L25 null is an empty result", "null", { exitCode: 0, stdout: '{\n    "cniVersion": "1.1.0"\n}' }],
	[
		"L26 text that is no JSON is an error",
		"hello",
		{ exitCode: 1, stderr: "invalid character 'h' looking for beginning of value" },
	],
	["an answer of nothing is an error", " ", { exitCode: 1, stderr: "unexpected end of JSON input" }],
	["an answer that is a list is an error", "[]", { exitCode: 1, stderr: "failed to unmarshal raw result: json: " }],
	["keys that no version knows are dropped", '{"zz":1}', { exitCode: 0, stdout: '{\n    "cniVersion": "1.1.0"\n}' }],
])("%s", (_name, stdout, expected: { exitCode: number; stdout?: string; stderr?: string }) => {
	const plugins = [{ type: "rec", answers: { ADD: { stdout } } }];
	const [added] = play({ "10.conflist": { ...listL, plugins } }, [{ args: ["add", "neta", "/tmp/ns1"] }]);
	expect(added.exitCode).toBe(expected.exitCode);
	expect(added.stdout).toBe(expected.stdout ?? "");
	expect(added.stderr).toContain(expected.stderr ?? "");
});

test("L27 a result of another version is handed on, printed and cached as it came, and converted for check", () => {
	const old = { cniVersion: "0.2.0", ip4: { ip: "10.0.0.9/24" }, dns: {} };
	const plugins = [1, 2].map((number) => ({
		type: "rec",
		id: number,
		answers: { ADD: { stdout: JSON.stringify(old) } },
	}));
	const [added, checked] = play({ "10.conflist": { ...listL, plugins } }, [
		{ args: ["add", "neta", "/tmp/ns1"] },
		{ args: ["check", "neta", "/tmp/ns1"] },
	]);
	expect(added.calls[1]?.stdin.prevResult).toEqual(old);
	expect(JSON.parse(added.stdout)).toEqual(old);
	expect(checked.calls[0]?.stdin.prevResult).toEqual({ cniVersion: "1.1.0", ips: [{ address: "10.0.0.9/24" }] });
});

test("L28 L29 hostile names are refused before a plugin runs", () => {
	const steps = [{ args: ["add", "bad/name", "/tmp/ns1"] }];
	const [named] = play({ "10.conflist": { ...listL, name: "bad/name" } }, steps);
	expect(named.stderr).toBe('plugin type="rec" failed (add): invalid characters found in network name; bad/name\n');
	expect(named.calls).toEqual([]);
	const list = { ...listL, plugins: [{ type: "../rec" }] };
	const [typed] = play({ "10.conflist": list }, [{ args: ["add", "neta", "/tmp/ns1"] }]);
	expect(typed.stderr).toContain("invalid plugin name: ../rec");
});

test("L30 name and version of the list replace a plugin's own; its runtimeConfig and prevResult arrive once", () => {
	const own = { name: "own", cniVersion: "0.4.0", runtimeConfig: { mac: "m" }, prevResult: { cniVersion: "1.1.0" } };
	const [added] = play({ "10.conflist": { ...listL, plugins: [{ type: "rec", ...own }] } }, [
		{ args: ["add", "neta", "/tmp/ns1"] },
	]);
	expect(added.calls[0]?.stdin).toEqual({ ...own, type: "rec", name: "neta", cniVersion: "1.1.0" });
});

test("L31 an empty and a wrong CNI_PATH are told apart", () => {
	const add = (path: string) =>
		play({ "10.conflist": listL }, [{ args: ["add", "neta", "/tmp/ns1"], env: { CNI_PATH: path } }])[0];
	expect(add("").stderr).toContain("no paths provided");
	expect(add("/nope").stderr).toContain('failed to find plugin "rec" in path [/nope]');
});

test.each([
	["no configuration at all", {}, "no net configurations found in <net.d>"],
	[
		"no network of that name",
		{ "10.conflist": { ...listL, name: "x" } },
		'no net configuration with name "neta" in <net.d>',
	],
	[
		"a single configuration without a type",
		{ "10.conf": { name: "neta" } },
		"error parsing configuration: missing 'type'",
	],
	["a failing plugin that has a name", failingNamed(), 'plugin type="rec" name="mine" failed (add): m'],
])("lookup and failure texts: %s", (_name, files, expected) => {
	const [added] = play(files, [{ args: ["add", "neta", "/tmp/ns1"] }]);
	expect(added.exitCode).toBe(1);
	expect(added.stderr).toContain(expected);
});

test.each([
	["an interface name that is too long", { CNI_IFNAME: "abcdefghijklmnop" }, "interface name is too long"],
	["a pair without a value", { CNI_ARGS: "A=" }, 'invalid CNI_ARGS pair "A="'],
	["a trailing semicolon", { CNI_ARGS: "A=b;" }, 'invalid CNI_ARGS pair ""'],
	["capability arguments that are no JSON", { CAP_ARGS: "x" }, "invalid character 'x' looking for beginning of value"],
])("environment: %s", (_name, env, expected) => {
	const [added] = play({ "10.conflist": listL }, [{ args: ["add", "neta", "/tmp/ns1"], env }]);
	expect(added.exitCode).toBe(1);
	expect(added.stderr).toContain(expected);
	expect(added.calls).toEqual([]);
});

test("the interface comes from the flag, else from CNI_IFNAME, else it is eth0", () => {
	using client = createRuntimeClient(cnictl);
	client.write("10.conflist", listL);
	const name = (args: string[], env = {}) => client.run(["status", "neta", "/tmp/ns1", ...args], env).exitCode;
	expect(name(["--ifname", "net0"])).toBe(0);
	const ifName = (args: string[], env = {}) =>
		client.run(["add", "neta", "/tmp/ns1", ...args], env).calls[0]?.env.CNI_IFNAME;
	expect(ifName(["-i", "net1"], { CNI_IFNAME: "net2" })).toBe("net1");
	expect(ifName([], { CNI_IFNAME: "net2" })).toBe("net2");
	expect(ifName([], { CNI_IFNAME: "" })).toBe("eth0");
});

test("del survives a damaged cache file; check names it", () => {
	using client = createRuntimeClient(cnictl);
	client.write("10.conflist", listL);
	client.run(["add", "neta", "/tmp/ns1"]);
	client.damageCache(cacheFile);
	const checked = client.run(["check", "neta", "/tmp/ns1"]);
	expect(checked.stderr).toContain('failed to get network "neta" cached result: ');
	expect(checked.stderr).toContain(cacheFile);
	const deleted = client.run(["del", "neta", "/tmp/ns1"]);
	expect([deleted.exitCode, deleted.cache, verbs(deleted)]).toEqual([0, {}, ["DEL 2", "DEL 1"]]);
});

test("too few arguments are an error on stderr", () => {
	using client = createRuntimeClient(cnictl);
	expect(client.run(["add", "neta"])).toMatchObject({ exitCode: 1, stdout: "", calls: [] });
	expect(client.run(["add", "neta"]).stderr).toContain("missing required argument 'netns'");
});

interface Step {
	readonly args: readonly string[];
	readonly env?: Readonly<Record<string, string>>;
}

type Observations = [Observation, Observation, Observation, ...Observation[]];

/** Plays the steps with both programs and holds what cnictl did against what cnitool did. */
function play(files: Readonly<Record<string, unknown>>, steps: readonly Step[]): Observations {
	const ours = playWith(cnictl, files, steps);
	const theirs = playWith(cnitool, files, steps);
	for (const [index, reference] of theirs.entries()) {
		const { stderr, ...rest } = reference;
		expect(ours[index]).toMatchObject({ ...rest });
		// Ours may go on after a semicolon with what would help.
		for (const line of stderr.trim().split("\n")) expect(ours[index]?.stderr).toContain(line);
	}
	return ours;
}

function playWith(executable: string, files: Readonly<Record<string, unknown>>, steps: readonly Step[]): Observations {
	using client: RuntimeClient = createRuntimeClient(executable);
	for (const [name, content] of Object.entries(files)) client.write(name, content);
	return steps.map(({ args, env }) => {
		const observed = client.run(args, env);
		return { ...observed, stderr: observed.stderr.replaceAll(client.configDirectory, "<net.d>") };
	}) as Observations;
}

function verbs({ calls }: Observation): string[] {
	return calls.map(({ command, stdin }) => `${command} ${stdin.id}`);
}

function failingNamed(): Record<string, unknown> {
	const plugin = { type: "rec", name: "mine", ...answer("ADD", { code: 7, msg: "m" }) };
	return { "10.conflist": { ...listL, plugins: [plugin] } };
}

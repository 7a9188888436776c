import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { attempt, attemptIn } from "../support/namespace.ts";
import { distribution, root, systemPath } from "../support/paths.ts";
import { environmentOf, mustRunPlugin, type PluginCall, runPlugin } from "../support/run-plugin.ts";
import { createWorld, type World } from "../support/world.ts";

let world: World;

beforeAll(() => {
	world = createWorld();
});
afterAll(() => {
	world.dispose();
});

/** A DEL that has nothing to do: shows what happens before and around a plugin's own work. */
function call(changes: Partial<PluginCall> = {}): PluginCall {
	return { world, type: "loopback", command: "DEL", config: { cniVersion: "1.1.0", name: "n" }, ...changes };
}

describe("files in the working directory", () => {
	let cwd: string;
	let hit: string;

	beforeAll(() => {
		cwd = mkdtempSync(join(tmpdir(), `cst-${process.pid}-cwd-`));
		hit = join(cwd, "hit");
		const evil = `require("node:fs").appendFileSync(${JSON.stringify(hit)}, "obeyed ");`;
		writeFileSync(join(cwd, "evil.js"), evil);
		const bunfig = 'preload = ["./evil.js"]\n[test]\npreload = ["./evil.js"]\n[run]\nshell = "bun"\n';
		writeFileSync(join(cwd, "bunfig.toml"), bunfig);
		writeFileSync(join(cwd, ".bunfig.toml"), bunfig);
		writeFileSync(join(cwd, ".env"), `CNI_COMMAND=VERSION\nCNI_SUITE_LOG=${hit}\nBUN_OPTIONS=--preload=./evil.js\n`);
		writeFileSync(join(cwd, ".env.local"), `CNI_SUITE_LOG=${hit}\n`);
		writeFileSync(join(cwd, ".env.production"), `CNI_SUITE_LOG=${hit}\n`);
		const paths = { "node:fs": ["./evil.js"], "../lib/*": ["./evil.js"] };
		writeFileSync(join(cwd, "tsconfig.json"), JSON.stringify({ compilerOptions: { baseUrl: ".", paths } }));
		const imports = { "node:fs": "./evil.js", "#lib/*": "./evil.js" };
		writeFileSync(
			join(cwd, "package.json"),
			JSON.stringify({ name: "evil", version: "6.6.6", imports, type: "commonjs" }),
		);
	});
	afterAll(() => {
		rmSync(cwd, { recursive: true });
	});

	const obeyed = () => (existsSync(hit) ? readFileSync(hit, "utf8") : "");

	test.each(["loopback", "bridge", "host-local"])(
		"bunfig.toml, .env, tsconfig.json, package.json do nothing to %s",
		(type) => {
			const env = { HOME: cwd, XDG_CONFIG_HOME: cwd };
			const config = { cniVersion: "1.1.0", name: "n", ipam: { type: "host-local", dataDir: world.dataDir } };
			const { exitCode, stdout, stderr } = runPlugin(call({ type, cwd, env, config }));
			expect({ exitCode, stdout, stderr, obeyed: obeyed() }).toEqual({
				exitCode: 0,
				stdout: "",
				stderr: "",
				obeyed: "",
			});
		},
	);

	test("nor to cnictl", () => {
		const env = { PATH: systemPath, HOME: cwd };
		const { stdout } = attempt([join(distribution, "cnictl"), "--help"], { cwd, env });
		expect([stdout.includes("validate"), obeyed()]).toEqual([true, ""]);
	});

	test.each([
		["NODE_OPTIONS", "--require ./evil.js"],
		["BUN_INSPECT_PRELOAD", "./evil.js"],
		["BUN_CONFIG_FILE", "./bunfig.toml"],
		["NODE_PATH", "."],
		["BUN_OPTIONS", "--preload=./evil.js"],
		["BUN_BE_BUN", "1"],
	])("%s in the environment does nothing", (name, value) => {
		expect(runPlugin(call({ cwd, env: { [name]: value } }))).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
		expect(obeyed()).toBe("");
	});
});

describe("an environment as bare as that of Mesos", () => {
	const config = () => ({
		name: "bare",
		type: "bridge",
		bridge: "cst-bare",
		isGateway: true,
		ipam: { type: "host-local", subnet: "10.77.0.0/24", dataDir: world.dataDir },
	});

	test.each<[string, Record<string, string | undefined>]>([
		["CNI_* and PATH", {}],
		["no PATH", { PATH: undefined }],
		["an empty PATH", { PATH: "" }],
	])("with %s, ADD answers in the old form, and DEL works without a namespace's variable", (_, env) => {
		const container = world.container();
		const base = { world, type: "bridge", config: config(), containerId: "c-1.c-2", env };
		const result = mustRunPlugin(call({ ...base, command: "ADD", netns: container }));
		expect(result).toMatchObject({ cniVersion: "0.1.0", ip4: { gateway: "10.77.0.1" }, dns: {} });
		expect(runPlugin(call({ ...base, command: "DEL" }))).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
	});

	test("variables that callers set to nothing count as unset", () => {
		const env = { CNI_ARGS: "", CNI_NETNS: "", CNI_NETNS_OVERRIDE: "" };
		expect(runPlugin(call({ env }))).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
		const gc = { CNI_ARGS: "", CNI_NETNS: "", CNI_CONTAINERID: "", CNI_IFNAME: "" };
		expect(runPlugin(call({ command: "GC", env: gc }))).toMatchObject({ exitCode: 0, stdout: "" });
		expect(runPlugin(call({ command: "STATUS", env: gc }))).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
	});

	test("a working directory that is gone is no reason to fail", () => {
		const command = ["sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$0"', join(distribution, "loopback")];
		const options = { cwd: world.directory, env: environmentOf(call()), input: '{"cniVersion":"1.1.0","name":"n"}' };
		expect(attemptIn(world.host, command, options)).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
	});

	test("standard descriptors that are closed are not taken for the plugin's own files", () => {
		const script = 'exec "$0" <&- >&- 2>&-';
		const options = { cwd: world.directory, env: { ...environmentOf(call()), CNI_COMMAND: "VERSION" } };
		expect(attempt(["sh", "-c", script, join(distribution, "loopback")], options).exitCode).toBe(1);
	});
});

describe("CNI_SUITE_LOG", () => {
	const traceId = "0af7651916cd43dd8448eb211c80319c";

	test("gets a line for each step, with its duration, what it belongs to, and the caller's trace", () => {
		const path = join(world.directory, "log");
		const env = { CNI_SUITE_LOG: path, TRACEPARENT: `00-${traceId}-b7ad6b7169203331-01` };
		expect(runPlugin(call({ env, containerId: "c9", netns: "/tmp" }))).toMatchObject({ exitCode: 0 });
		expect(runPlugin(call({ env, command: "ADD", netns: "/nope" }))).toMatchObject({ exitCode: 1 });
		const lines = readFileSync(path, "utf8")
			.trim()
			.split("\n")
			.map((line) => JSON.parse(line));
		const common = { plugin: "loopback", network: "n", ifName: "eth0", traceId, parentSpanId: "b7ad6b7169203331" };
		for (const line of lines) expect(line).toMatchObject({ ...common, time: expect.stringMatching(/^\d{4}-.*Z$/) });
		const step = { milliseconds: expect.any(Number), containerId: "c9", command: "DEL" };
		expect(lines).toEqual(
			expect.arrayContaining([
				expect.objectContaining({ ...step, step: "decode", failed: false }),
				expect.objectContaining({ ...step, step: "DEL", failed: false }),
				expect.objectContaining({ warning: expect.stringContaining('netns "/tmp"') }),
				expect.objectContaining({ command: "ADD", step: "ADD", failed: true }),
			]),
		);
	});

	test.each(["", "00-x", "garbage", `00-${"0".repeat(31)}-1-1`])("a TRACEPARENT of %j is left out", (traceparent) => {
		const path = join(world.directory, `log-${traceparent.length}`);
		runPlugin(call({ env: { CNI_SUITE_LOG: path, TRACEPARENT: traceparent } }));
		expect(readFileSync(path, "utf8")).not.toContain("traceId");
	});
});

describe("the name by which the executable is started", () => {
	test("a name that is no plugin is told which there are", () => {
		const { exitCode, stdout, stderr } = attempt([join(root, "dist/cni-suite")]);
		expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
		expect(stderr).toMatch(/^Cannot tell which plugin to be: started as "cni-suite".*"bridge".*"loopback".*\n$/);
	});

	test("names that JavaScript knows are no plugins", () => {
		for (const name of ["constructor", "__proto__", "toString"]) {
			const { exitCode, stderr } = attempt([
				"bash",
				"--norc",
				"-c",
				`exec -a ${name} "$0"`,
				join(root, "dist/cni-suite"),
			]);
			expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`started as "${name}"`)]);
		}
	});
});

describe("modules that are run when the executable is built", () => {
	test("leave the engine's tables with room: a call that had to build them anew would copy hundreds of pages", () => {
		const options = { cwd: world.directory, env: { ...environmentOf(call()), CNI_COMMAND: "VERSION" } };
		const counting = ["time", "-q", "-f", "%R", join(distribution, "loopback")];
		const { exitCode, stderr } = attempt(counting, { ...options, input: '{"cniVersion":"1.1.0"}' });
		expect({ exitCode, areFew: Number(stderr) < 250 }).toEqual({ exitCode: 0, areFew: true });
	});

	test("cannot ask the clock, chance or the kernel: what they learn would be the same in every process", () => {
		for (const question of ["performance.now()", "Math.random()", "host.systemCall(39)"]) {
			const source = join(world.directory, "asks.ts");
			writeFileSync(source, `const answer = ${question};\nexport async function main() { answer; }\n`);
			const { exitCode, stderr } = attempt([join(root, "bin/link"), source, join(world.directory, "asks")]);
			expect([exitCode, stderr]).toEqual([1, expect.stringContaining("when the executable is built")]);
		}
	});
});

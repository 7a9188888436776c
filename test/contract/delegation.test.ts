import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Namespace } from "../support/namespace.ts";
import { type Command, type PluginOutcome, runPlugin } from "../support/run-plugin.ts";
import { createWorld, keptByContract, leftovers, type World } from "../support/world.ts";

const address = '{"cniVersion":"1.1.0","ips":[{"address":"10.50.0.2/24"}]}';

let world: World;
let container: Namespace;
let plugins: string;
let calls: string;

beforeAll(() => {
	world = createWorld();
	container = world.container();
	plugins = join(world.directory, "plugins");
	calls = join(world.directory, "calls");
	mkdirSync(plugins);
});
afterAll(() => {
	world.dispose();
});

/** Makes `ipam.type` "other" a shell script: `add` answers ADD, the rest of the commands succeed unless `other` says. */
function ipam({ add = `printf '%s' '${address}'`, other = "exit 0" }: { add?: string; other?: string } = {}): void {
	rmSync(calls, { force: true });
	const script = `#!/bin/sh
echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_NETNS $CNI_ARGS $EXTRA" >>${calls}
cat >${calls}.stdin
case $CNI_COMMAND in
ADD) ${add};;
*) ${other};;
esac
`;
	writeFileSync(join(plugins, "other"), script);
	chmodSync(join(plugins, "other"), 0o755);
}

const config = { cniVersion: "1.1.0", name: "n", type: "bridge", bridge: "cst-deleg", ipam: { type: "other", x: [1] } };

interface Changes {
	readonly with?: Readonly<Record<string, unknown>>;
	readonly path?: string;
	readonly text?: string;
}

function run(command: Command, { with: changes, path = plugins, text }: Changes = {}): PluginOutcome {
	return runPlugin({
		world,
		type: "bridge",
		command,
		netns: container,
		containerId: "c1",
		config: text ?? { ...config, ...changes },
		env: { CNI_PATH: path, EXTRA: "inherited", CNI_ARGS: "IgnoreUnknown=1;A=b" },
	});
}

function verbs(): string[] {
	return existsSync(calls) ? (readFileSync(calls, "utf8").match(/^\w+/gm) ?? []) : [];
}

describe("an executed IPAM plugin", () => {
	test("is told what its caller was told, byte for byte, with another command alone", () => {
		ipam();
		const text = `${JSON.stringify(config, null, 3)}\n\t `;
		const result = run("ADD", { text });
		expect(result.json).toMatchObject({ ips: [{ address: "10.50.0.2/24", interface: 2 }] });
		expect(readFileSync(`${calls}.stdin`, "utf8")).toBe(text);
		expect(readFileSync(calls, "utf8")).toBe(`ADD c1 eth0 ${container.path} IgnoreUnknown=1;A=b inherited\n`);
		expect(run("CHECK", { with: { prevResult: result.json } })).toMatchObject({ exitCode: 0 });
		expect(run("STATUS")).toMatchObject({ exitCode: 0 });
		expect(run("GC", { with: { "cni.dev/valid-attachments": [] } })).toMatchObject({ exitCode: 0 });
		expect(run("DEL")).toMatchObject({ exitCode: 0 });
		expect(verbs()).toEqual(["ADD", "CHECK", "STATUS", "GC", "DEL"]);
	});

	test.each([
		["0.2.0", '{"ip4":{"ip":"10.50.0.2/24"}}'],
		["0.4.0", '{"ips":[{"version":"4","address":"10.50.0.2/24"}]}'],
		["1.1.0", '{"cniVersion":"0.2.0","ip4":{"ip":"10.50.0.2/24"}}'],
		["1.1.0", '\n {"cniVersion":"","ips":[{"address":"10.50.0.2/24"}],"more":1}\n\n'],
	])("of a %s network may answer %s", (cniVersion, answer) => {
		ipam({ add: `printf '%s' '${answer}'` });
		expect(run("ADD", { with: { cniVersion } })).toMatchObject({
			exitCode: 0,
			stdout: expect.stringContaining("10.50.0.2/24"),
		});
		run("DEL", { with: { cniVersion } });
	});

	test("speaks on stderr through its caller", () => {
		ipam({ add: `echo careful >&2; printf '%s' '${address}'`, other: "echo and again >&2" });
		expect(run("ADD").stderr).toContain("careful\n");
		expect(run("DEL").stderr).toContain("and again\n");
	});

	test.each<[string, string, object]>([
		[
			"an error",
			`printf '{"code":142,"msg":"no lease","details":"d"}'; exit 1`,
			{ code: 142, msg: "no lease", details: "d" },
		],
		[
			"an error of another version",
			`printf '{"cniVersion":"0.1.0","code":11,"msg":"m"}'; exit 7`,
			{ code: 11, msg: "m" },
		],
		["nothing", "exit 3", { code: 0, msg: "netplugin failed with no error message: exit status 3" }],
		["only words on stderr", "echo boom >&2; exit 3", { code: 0, msg: 'netplugin failed: "boom\\n": exit status 3' }],
		[
			"no JSON",
			"echo hello; exit 1",
			{ msg: expect.stringMatching(/^netplugin failed but error parsing its diagnostic message "hello\\n": /) },
		],
		["a list", "echo '[]'; exit 1", { msg: expect.stringContaining("error parsing its diagnostic message") }],
		["a number for text", `printf '{"code":"x","msg":5}'; exit 1`, { code: 0 }],
		["nothing, being killed", "kill -9 $$", { msg: "netplugin failed with no error message: signal: killed" }],
		[
			"a success that is no JSON",
			"echo hello",
			{ code: 6, msg: expect.stringMatching(/^failed to unmarshal raw result: /) },
		],
		["a success of nothing", "true", { code: 6, msg: expect.stringMatching(/^failed to unmarshal raw result: /) }],
		["a success that is a list", "echo '[]'", { code: 6, msg: '"result" must be an object, not a list' }],
		["an unknown version", `printf '{"cniVersion":"7.0.0"}'`, { msg: 'unsupported CNI result version "7.0.0"' }],
		["an address that is none", `printf '{"ips":[{"address":"x"}]}'`, { code: 6, msg: "invalid CIDR address: x" }],
		["null", "echo null", { msg: "IPAM plugin returned missing IP config" }],
		["no address", "echo '{}'", { msg: "IPAM plugin returned missing IP config" }],
	])("that answers ADD with %s: the caller's error says so, and nothing stays", (_, add, expected) => {
		ipam({ add });
		const { exitCode, error } = run("ADD");
		expect({ exitCode, error }).toMatchObject({ exitCode: 1, error: expected });
		expect(leftovers(world, { except: keptByContract })).toEqual([]);
	});

	test.each(["echo hello", "true", 'printf \'{"ips":[{"address":"x"}]}\'', "echo null", "echo '{}'"])(
		"whose ADD succeeds with an answer of no use (%s) is told DEL, as it holds an address",
		(add) => {
			ipam({ add });
			expect(run("ADD").exitCode).toBe(1);
			expect(verbs()).toEqual(["ADD", "DEL"]);
		},
	);

	test("whose DEL fails then: the first error is reported", () => {
		ipam({ add: "echo hello", other: `printf '{"code":5,"msg":"disk"}'; exit 1` });
		const { error, stderr } = run("ADD");
		expect(error).toMatchObject({ code: 6, msg: expect.stringContaining("failed to unmarshal raw result") });
		expect(stderr).toContain("Cannot give back what the IPAM plugin holds: disk");
	});

	test("whose ADD fails is told no DEL: for a second ADD that would free the address which the first one got", () => {
		ipam({ add: `printf '{"code":142,"msg":"is yours already"}'; exit 1` });
		expect(run("ADD").error).toMatchObject({ code: 142, msg: "is yours already" });
		expect(verbs()).toEqual(["ADD"]);
	});

	test.each<[Command, object]>([
		["DEL", {}],
		["STATUS", {}],
		["GC", { "cni.dev/valid-attachments": [] }],
	])("whose %s fails makes its caller's fail with the same error", (command, changes) => {
		ipam({ other: `printf '{"code":50,"msg":"not ready","details":"why"}'; exit 1` });
		expect(run(command, { with: changes as Record<string, unknown> }).error).toMatchObject({
			code: 50,
			msg: "not ready",
			details: "why",
		});
	});
});

describe("where an IPAM plugin is looked for", () => {
	test.each([
		["in an empty CNI_PATH entry only", "::", "no paths provided"],
		["in a directory that is not there", "/nope", 'failed to find plugin "other" in path [/nope]'],
		["where its name is a directory", "DIRECTORY", 'failed to find plugin "other" in path'],
	])("%s", (_, path, msg) => {
		ipam();
		if (path === "DIRECTORY") mkdirSync(join(world.directory, "decoy/other"), { recursive: true });
		const { error } = run("ADD", { path: path === "DIRECTORY" ? join(world.directory, "decoy") : path });
		expect(error?.msg).toContain(msg);
	});

	test("the first directory that has it wins; ones that cannot be looked into are passed over", () => {
		ipam();
		const loop = join(world.directory, "loop");
		mkdirSync(loop);
		symlinkSync("other", join(loop, "other"));
		const path = `/nope:/etc/passwd:${loop}:/${"x".repeat(300)}:${plugins}:/tmp`;
		expect(run("ADD", { path })).toMatchObject({ exitCode: 0 });
		run("DEL");
	});

	test.each([
		["lacks the execute bit", "#!/bin/sh\n", 0o644],
		["lacks its first line", "exit 0\n", 0o755],
		["is empty", "", 0o755],
		["names an interpreter that is not there", "#!/no/such\n", 0o755],
	])("a file that %s is an error that names it", (_, content, mode) => {
		ipam();
		writeFileSync(join(plugins, "other"), content);
		chmodSync(join(plugins, "other"), mode);
		expect(run("ADD").error).toMatchObject({
			msg: expect.stringContaining(`failed to execute plugin "${join(plugins, "other")}": `),
			details: expect.stringMatching(/^It must be a program, or a script/),
		});
	});
});

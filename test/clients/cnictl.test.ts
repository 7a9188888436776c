import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { distribution, root, systemPath } from "../support/paths.ts";
import { cnictl } from "./runtime-client.ts";

let directory: string;

beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), `cst-${process.pid}-cnictl-`));
});
afterEach(() => rmSync(directory, { recursive: true }));

const good = { cniVersion: "1.1.0", name: "n", plugins: [{ type: "loopback" }] };
const wrong = {
	cniVersion: "1.1.0",
	name: "m",
	plugins: [{ type: "bridge", ipam: { type: "host-local", rages: [] } }],
};
const blemished = { cniVersion: "1.1.0", name: "o", plugins: [{ type: "bridge", isGateWay: true }] };

test.each([
	"add",
	"check",
	"del",
	"gc",
	"status",
	"version",
	"networks",
	"addresses",
	"ipam",
	"validate",
	"show",
	"doctor",
	"install",
])("%s --help explains itself with an example", (command) => {
	const { exitCode, stdout, stderr } = run([command, "--help"]);
	expect([exitCode, stderr]).toEqual([0, ""]);
	expect(stdout).toMatch(new RegExp(`Example:\n  .*cnictl ${command} `));
});

test("help names every command, the environment and an example", () => {
	const { exitCode, stdout } = run(["--help"]);
	expect(exitCode).toBe(0);
	for (const word of ["add", "networks", "install", "NETCONFPATH", "CAP_ARGS", "Example:"])
		expect(stdout).toContain(word);
});

test("an unknown command is an error on stderr that names the nearest", () => {
	const { exitCode, stdout, stderr } = run(["netwroks"]);
	expect([exitCode, stdout]).toEqual([1, ""]);
	expect(stderr).toContain("networks");
});

test("it says which release it is", () => {
	expect(run(["--version"])).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: "" });
});

test("validate exits with 1 for errors and with 0 for warnings", () => {
	const [first, second, third] = [
		write("1.conflist", good),
		write("2.conflist", wrong),
		write("3.conflist", blemished),
	];
	expect(run(["validate", first])).toEqual({ exitCode: 0, stdout: `${first}: ok\n`, stderr: "" });
	const both = run(["validate", first, second]);
	expect(both.exitCode).toBe(1);
	expect(both.stdout).toMatch(
		/2\.conflist:1:\d+: error: plugins\[0\]\.ipam\.rages: unknown key\. Did you mean "ranges"\?\n$/,
	);
	expect(both.stderr).toBe("1 error found\n");
	expect(run(["validate", third])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(": warning: ") });
});

test("validate --json is one JSON document", () => {
	const file = write("2.conflist", wrong);
	expect(JSON.parse(run(["validate", "--json", file]).stdout)).toEqual([
		{
			file,
			findings: [
				{
					severity: "error",
					path: "plugins[0].ipam.rages",
					line: 1,
					column: expect.any(Number),
					message: 'unknown key. Did you mean "ranges"?',
				},
			],
		},
	]);
});

test("validate names a file that it cannot read", () => {
	const { exitCode, stderr } = run(["validate", join(directory, "none.conf")]);
	expect([exitCode, stderr]).toEqual([1, `Cannot read "${join(directory, "none.conf")}": no such file or directory\n`]);
});

test("networks prints a table and below it what is wrong", () => {
	write("1.conflist", good);
	write("2.conflist", wrong);
	const { exitCode, stdout } = run(["networks", "--dir", directory], { CNI_PATH: distribution });
	expect(exitCode).toBe(0);
	const lines = stdout.split("\n");
	expect(lines.slice(0, 4)).toEqual([
		expect.stringMatching(/^NAME +KIND +VERSION +PLUGINS +CAPABILITIES +STATE +FILE$/),
		expect.stringMatching(/^n +conflist +1\.1\.0 +loopback +- +ok +\S+1\.conflist$/),
		expect.stringMatching(/^m +conflist +1\.1\.0 +bridge +- +1 error +\S+2\.conflist$/),
		"",
	]);
	expect(lines[4]).toMatch(/2\.conflist:1:\d+: error: plugins\[0\]\.ipam\.rages/);
});

test("networks --json tells the same, of the directory in NETCONFPATH", () => {
	write("1.conflist", good);
	const { stdout } = run(["networks", "--json"], { NETCONFPATH: directory, CNI_PATH: distribution });
	expect(JSON.parse(stdout)).toEqual({
		directory,
		networks: [
			{
				name: "n",
				kind: "conflist",
				cniVersion: "1.1.0",
				plugins: ["loopback"],
				capabilities: [],
				file: join(directory, "1.conflist"),
				loads: true,
				findings: [],
			},
		],
	});
});

test("version exits with 1 when a plugin is missing, and shows the others", () => {
	write("1.conflist", { ...good, plugins: [{ type: "loopback" }, { type: "gone" }] });
	const { exitCode, stdout, stderr } = run(["version", "n"], { NETCONFPATH: directory, CNI_PATH: distribution });
	expect(exitCode).toBe(1);
	expect(stdout).toMatch(/^loopback +yes +0\.1\.0 .* 1\.1\.0 +\S+loopback\ngone +no +- +-$/m);
	expect(stderr).toContain('failed to find plugin "gone" in path');
});

test("every example in conf-examples is free of errors", () => {
	const examples = readdirSync(join(root, "conf-examples"), { recursive: true, encoding: "utf8" })
		.filter((name) => /\.(conflist|conf|json)$/.test(name) && !name.startsWith("mesos/tasks/"))
		.map((name) => join(root, "conf-examples", name));
	expect(examples).not.toEqual([]);
	const { stdout } = run(["validate", ...examples]);
	expect(stdout.split("\n").filter((line) => /: error: /.test(line))).toEqual([]);
});

function write(name: string, content: unknown): string {
	writeFileSync(join(directory, name), JSON.stringify(content));
	return join(directory, name);
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
	const { status, stdout, stderr } = spawnSync(cnictl, args, { env: { PATH: systemPath, ...env }, encoding: "utf8" });
	return { exitCode: status, stdout, stderr };
}

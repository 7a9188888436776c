import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { attempt } from "../support/namespace.ts";
import { root, systemPath } from "../support/paths.ts";

/** What is put before the system's programs in PATH, and the only place for temporary files. */
let directory: string;
let before: string;

beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), `cst-${process.pid}-quickstart-`));
	for (const name of ["bin", "tmp"]) mkdirSync(join(directory, name));
	before = machine();
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("bin/quickstart", () => {
	it("shows two containers, each serving on port 80 at its own address, and that nothing is left", async () => {
		const { exitCode, stdout, stderr } = await start().ended;
		// It builds when a source is newer than dist.
		expect({ exitCode, stderr: stderr.replace("quickstart: building dist/bin\n", "") }).toEqual({
			exitCode: 0,
			stderr: "",
		});
		const table = stdout.split("\n").map((line) => line.split(/\s{2,}/));
		const row = (name: string) => table.find(([first]) => first?.split(" ")[0] === name)?.slice(1);
		expect(row("FROM")).toEqual([
			"http://10.20.0.2",
			"http://10.20.0.3",
			"http://[fd00:10:20::2]",
			"http://[fd00:10:20::3]",
		]);
		expect(row("host")).toEqual(answersTo("10.20.0.1", "fd00:10:20::1"));
		expect(row("red")).toEqual(answersTo("10.20.0.2", "fd00:10:20::2"));
		expect(row("blue")).toEqual(answersTo("10.20.0.3", "fd00:10:20::3"));
		expect(stdout).toContain('{ "address": "10.20.0.2/16", "gateway": "10.20.0.1", "interface": 2 }');
		expect(stdout.match(/^ +0 +[24] +0 {2}.*$/gm)).toHaveLength(4);
		expect(stdout).toMatch(/routes and \/var\/lib\/cni are as they were\.\n$/);
		expectNothingLeft();
	});

	it("fits on two screens", async () => {
		const { stdout, stderr } = await start().ended;
		const lines = `${stderr}${stdout}`.trimEnd().split("\n");
		expect(lines.length).toBeLessThanOrEqual(48);
		expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100);
	});

	it("takes everything away when it fails half-way", async () => {
		replaceCurl("exit 7");
		const { exitCode, stderr } = await start().ended;
		expect(exitCode).toBe(1);
		expect(stderr).toContain("quickstart: no answer from http://10.20.0.2, asked by host\n");
		expect(stderr).toContain("quickstart: the demonstration failed; everything of it has been taken away\n");
		expectNothingLeft();
	});

	it.each([
		["Ctrl-C, which every process of the terminal gets", "SIGINT", true],
		["a signal to the script alone", "SIGTERM", false],
		["kill -9", "SIGKILL", false],
	] as const)("takes everything away after %s", async (_what, signal, toAll) => {
		replaceCurl("exec sleep 60");
		const { pid, output, ended } = start();
		await output("FROM");
		expect(marked().length).toBeGreaterThan(3);
		process.kill(toAll ? -pid : pid, signal);
		expect((await ended).exitCode).not.toBe(0);
		await until(() => marked().length === 0);
		expectNothingLeft();
	});
});

/** In the environment of every process that a run starts, and of no other. */
const marker = `CST_QUICKSTART=${randomUUID()}`;

function start() {
	const [name = "", value = ""] = marker.split("=");
	const env = { PATH: `${join(directory, "bin")}:${systemPath}`, TMPDIR: join(directory, "tmp"), [name]: value };
	const child = spawn(join(root, "bin/quickstart"), { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
	let [stdout, stderr] = ["", ""];
	child.stdout.setEncoding("utf8").on("data", (chunk) => {
		stdout += chunk;
	});
	child.stderr.setEncoding("utf8").on("data", (chunk) => {
		stderr += chunk;
	});
	const ended = new Promise<{ exitCode: number | null; stdout: string; stderr: string }>((resolve, reject) => {
		child.on("error", reject).on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
	});
	return { pid: child.pid ?? 0, ended, output: (text: string) => until(() => stdout.includes(text)) };
}

/** What red and blue answer to someone at these addresses, in the order of the table. */
function answersTo(ipv4: string, ipv6: string): string[] {
	return [ipv4, ipv6].flatMap((address) => [`red to ${address}`, `blue to ${address}`]);
}

function replaceCurl(line: string): void {
	const path = join(directory, "bin/curl");
	writeFileSync(path, `#!/bin/sh\n${line}\n`);
	chmodSync(path, 0o755);
}

/**
 * A namespace lives as long as a process is in it or something of it is mounted, so that there is none left when no
 * process is and this mount namespace shows nothing.
 */
function expectNothingLeft(): void {
	expect(marked()).toEqual([]);
	expect(machine()).toEqual(before);
	expect(readdirSync(join(directory, "tmp"))).toEqual([]);
}

function machine(): string {
	const { stdout } = attempt(["sh", "-c", "ip -brief link; ip -brief address; ip route; find /var/lib/cni"]);
	const mounts = readFileSync("/proc/self/mountinfo", "utf8").match(/ \/run\/netns\/(red|blue) /g) ?? [];
	return [stdout, ...mounts].join("\n");
}

/** Process ids with the marker in their environment. */
function marked(): string[] {
	return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && environmentOf(name).includes(marker));
}

function environmentOf(pid: string): string[] {
	const path = `/proc/${pid}/environ`;
	try {
		return existsSync(path) ? readFileSync(path, "utf8").split("\0") : [];
	} catch {
		return []; // It has ended since.
	}
}

async function until(condition: () => boolean): Promise<void> {
	const deadline = Date.now() + 20_000;
	while (!condition()) {
		if (Date.now() > deadline) throw new Error("Waited 20 seconds in vain");
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
}

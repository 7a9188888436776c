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
	it("shows three tasks on port 80, who reaches whom, their statuses, and that nothing is left, on two screens", async () => {
		const { exitCode, stdout, stderr } = await start().ended;
		// It builds when a source is newer than dist.
		expect({ exitCode, stderr: stderr.replace("quickstart: building dist/bin\n", "") }).toEqual({
			exitCode: 0,
			stderr: "",
		});
		const lines = stdout.trimEnd().split("\n");
		expect(lines.length).toBeLessThanOrEqual(47);
		expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100);
		for (const [index, name] of ["web", "cart", "bank"].entries()) {
			const addresses = `10.41.0.${index + 2} (IPv4), fd00:10:41::${index + 2}/64 (IPv6)`;
			expect(stdout).toContain(`  TASK_RUNNING  network_infos[0].ip_addresses: ${addresses}\n`);
			expect(stdout).toMatch(new RegExp(`^${name} +TASK_STARTING TASK_RUNNING TASK_KILLING TASK_KILLED: `, "m"));
		}
		const answers = [
			["host", "web", "cart", "bank", "web"],
			["web", "web", "cart", "-", "web"],
			["cart", "web", "cart", "-", "web"],
			["bank", "-", "-", "bank", "web"],
			["elsewhere", "-", "-", "-", "web"],
		];
		expect(tableRows(stdout)).toEqual([
			["FROM", "10.41.0.2:80", "10.41.0.3:80", "10.41.0.4:80", "192.0.2.1:8080"],
			...answers,
			["FROM", "[fd00:10:41::2]:80", "[fd00:10:41::3]:80", "[fd00:10:41::4]:80", "[2001:db8::1]:8080"],
			...answers,
		]);
		expect(stdout).toContain('no: container "bank" is in "bank", container "web" is in "shop"');
		expect(stdout.match(/^ +0 +[1-9]\d* +0 {2}.*$/gm)).toHaveLength(5);
		expect(stdout).toMatch(/routes and \/var\/lib\/cni are as they were\.\n$/);
		expectNothingLeft();
	});

	it.each([
		["a task that does not answer", "exit 7", "no answer from http://10.41.0.2:80, asked by host; expected was web"],
		["one that answers who should not", "echo bank", "bank from http://10.41.0.2:80, asked by host; expected was web"],
	])("takes everything away when it fails half-way: %s", async (_what, curl, complaint) => {
		replaceCurl(curl);
		const { exitCode, stderr } = await start().ended;
		expect(exitCode).toBe(1);
		expect(stderr).toContain(`quickstart: ${complaint}\n`);
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

/** The lines of both tables, in their cells. */
function tableRows(stdout: string): string[][] {
	return stdout
		.split("\n")
		.map((line) => line.split(/ {2,}/))
		.filter((cells) => cells.length === 5 && cells[0] !== "");
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
	const mounts =
		readFileSync("/proc/self/mountinfo", "utf8").match(/ \/run\/(netns\/elsewhere|cni-suite\/mesos\/isolators\S*) /g) ??
		[];
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

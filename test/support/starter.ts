import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./paths.ts";

/** A program to run to its end. */
export interface Start {
	/** Path of the network namespace; by default that of this process. */
	readonly namespace?: string;
	readonly command: readonly string[];
	/** What it reads on stdin. */
	readonly input: string | Uint8Array;
	/** The whole environment; PATH is where the program is looked for. */
	readonly env: Readonly<Record<string, string>>;
	/** By default that of this process. */
	readonly cwd?: string | undefined;
	/** After this time it is killed. */
	readonly timeoutMs: number;
}

export interface Ended {
	/** Null when a signal ended the program; 127 when it could not be started, which stderr explains. */
	readonly exitCode: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly stdout: string;
	readonly stderr: string;
}

/**
 * Runs a program like `spawnSync`, through a small process that starts them all (starter.c says why); both ways a message
 * is lengths, as 32-bit numbers of this machine, and then what they are of:
 *
 * | | Lengths | Then |
 * |---|---|---|
 * | request | milliseconds, arguments, variables, bytes of all texts, bytes of input | namespace, cwd, arguments, variables: texts that end with NUL; input |
 * | answer | wait status, bytes of stdout, bytes of stderr | stdout, stderr |
 */
export function runToEnd({ namespace = "", command, input, env, cwd = process.cwd(), timeoutMs }: Start): Ended {
	const { requests, answers } = starter();
	const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
	const texts = Buffer.from([namespace, cwd, ...command, ...variables].map((text) => `${text}\0`).join(""));
	const bytes = Buffer.from(input);
	const lengths = [timeoutMs, command.length, variables.length, texts.length, bytes.length];
	writeAll(requests, Buffer.concat([Buffer.from(Uint32Array.from(lengths).buffer), texts, bytes]));
	const [status = 0, outLength = 0, errLength = 0] = new Int32Array(new Uint8Array(readAll(answers, 12)).buffer);
	const [stdout, stderr] = [readAll(answers, outLength), readAll(answers, errLength)].map(String);
	return { ...meaning(status), stdout: stdout ?? "", stderr: stderr ?? "" };
}

/** What `wait` says of a process that has ended. */
function meaning(status: number): Pick<Ended, "exitCode" | "signal"> {
	const number = status & 0x7f;
	if (number === 0) return { exitCode: status >> 8, signal: null };
	const [name] = Object.entries(constants.signals).find(([, value]) => value === number) ?? [];
	return { exitCode: null, signal: (name ?? `signal ${number}`) as NodeJS.Signals };
}

interface Starter {
	/** Descriptors of FIFOs. */
	readonly requests: number;
	readonly answers: number;
}

/**
 * One for each process of Jest. It gives every test file modules and globals of its own; what it shares are modules of
 * Node, and so the starter is kept beside one. It ends with this process, when its FIFO has nobody at the other end.
 */
const shared = fs as typeof fs & { [key: symbol]: Starter | undefined };
const key = Symbol.for("cni-suite test starter");

function starter(): Starter {
	shared[key] ??= launch();
	return shared[key];
}

function launch(): Starter {
	const directory = fs.mkdtempSync(join(tmpdir(), `cst-${process.pid}-starter-`));
	try {
		const paths = ["requests", "answers"].map((name) => join(directory, name));
		const made = spawnSync("mkfifo", paths, { encoding: "utf8" });
		if (made.status !== 0) throw new Error(`Cannot make FIFOs in "${directory}": ${made.stderr}`);
		const child = spawn(compileStarter(), paths, { stdio: ["ignore", "ignore", "inherit"] });
		child.unref();
		// Each waits for the other side.
		return { requests: fs.openSync(paths[0] ?? "", "w"), answers: fs.openSync(paths[1] ?? "", "r") };
	} finally {
		fs.rmSync(directory, { recursive: true });
	}
}

/** Compiles starter.c, unless that is done. Where it runs on another kernel, the repository cannot be written to. */
export function compileStarter(): string {
	const source = join(import.meta.dirname, "starter.c");
	const compiled = join(root, ".cache/starter");
	const age = (path: string) => fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
	if (age(compiled) >= age(source)) return compiled;
	fs.mkdirSync(join(root, ".cache"), { recursive: true });
	// Another process may be doing the same.
	const own = `${compiled}.${process.pid}`;
	const { status, stderr } = spawnSync("gcc", ["-O2", "-Wall", "-o", own, source], { encoding: "utf8" });
	if (status !== 0) throw new Error(`Cannot compile "${source}": ${stderr}`);
	fs.renameSync(own, compiled);
	return compiled;
}

function writeAll(fd: number, bytes: Uint8Array): void {
	for (let done = 0; done < bytes.length; ) done += fs.writeSync(fd, bytes, done);
}

function readAll(fd: number, length: number): Buffer {
	const bytes = Buffer.alloc(length);
	for (let done = 0; done < length; ) {
		const count = fs.readSync(fd, bytes, done, length - done, null);
		if (count === 0) throw new Error("Cannot start programs: the starter has ended");
		done += count;
	}
	return bytes;
}

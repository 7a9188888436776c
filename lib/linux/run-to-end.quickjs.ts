import { concatBytes } from "./bytes.ts";
import { call, cString } from "./call.ts";
import { Errno, errnoOf, SystemError } from "./errno.ts";
import { close, execute, exit, O_CLOEXEC, O_NONBLOCK, read, restoreSignal, setFlags, write } from "./libc.ts";
import { POLLIN, POLLOUT, poll } from "./poll.ts";
import type { RunOptions, RunOutcome } from "./run-to-end.ts";
import { nr } from "./syscall-numbers.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

const SIGPIPE = 13;
const SIGCHLD = 17;

export function runToEnd(path: string, { args, environment, input }: RunOptions): RunOutcome {
	const argv = [path, ...args];
	const variables = Object.entries(environment).flatMap(([name, value]) =>
		value === undefined ? [] : [`${name}=${value}`],
	);
	// What C would cut off is refused here, where it can be told.
	for (const text of [...argv, ...variables]) cString(text);
	const pipes = { stdin: pipe(), stdout: pipe(), stderr: pipe(), failure: pipe() };
	const pid = fork();
	if (pid === 0) {
		becomeProgram(path, { argv, variables, pipes });
	}
	const { stdin, stdout, stderr, failure } = pipes;
	for (const fd of [stdin.reading, stdout.writing, stderr.writing, failure.writing]) close(fd);
	// Ends without a word when the program has taken the child's place.
	const errno = collect([failure.reading]).map((bytes) => bytes[0] ?? 0)[0] ?? 0;
	const data = typeof input === "string" ? encodeUtf8(input) : input;
	const outputs = collect([stdout.reading, stderr.reading], {
		fd: stdin.writing,
		data: errno === 0 ? data : data.subarray(0, 0),
	});
	const ending = waitFor(pid);
	if (errno !== 0) throw new SystemError(`execute "${path}"`, errno);
	const [out = "", err = ""] = outputs.map(decodeUtf8);
	return { stdout: out, stderr: err, ...ending };
}

interface Pipe {
	readonly reading: number;
	readonly writing: number;
}

/** pipe2(2) */
function pipe(): Pipe {
	const fds = new Int32Array(2);
	call("make a pipe", nr.pipe2, fds, O_CLOEXEC);
	return { reading: fds[0] ?? -1, writing: fds[1] ?? -1 };
}

/** A copy of this process, which has one thread only: 0 in the copy, its id here. fork(2) */
function fork(): number {
	return call("fork", nr.clone, SIGCHLD);
}

interface Program {
	readonly argv: readonly string[];
	readonly variables: readonly string[];
	readonly pipes: Readonly<Record<"stdin" | "stdout" | "stderr" | "failure", Pipe>>;
}

/** In the copy: takes the pipes for its standard streams, and becomes the program; or says why it cannot. */
function becomeProgram(path: string, { argv, variables, pipes }: Program): never {
	try {
		for (const [target, fd] of [pipes.stdin.reading, pipes.stdout.writing, pipes.stderr.writing].entries()) {
			call("dup", nr.dup3, fd, target, 0);
		}
		restoreSignal(SIGPIPE);
		execute(path, { argv, environment: variables });
	} catch (thrown) {
		write(pipes.failure.writing, new Uint8Array([errnoOf(thrown)]));
	}
	exit(127);
}

/**
 * Reads the descriptors to their ends, and writes `input` meanwhile: who does one after the other waits for a program
 * that waits for them. All are closed.
 */
function collect(
	fds: readonly number[],
	input?: { readonly fd: number; readonly data: Uint8Array },
): readonly Uint8Array[] {
	const outputs = fds.map((fd) => ({ fd, chunks: [] as Uint8Array[], open: true }));
	let rest = input?.data ?? new Uint8Array();
	let feeding = input?.fd;
	if (feeding !== undefined) setFlags(feeding, O_NONBLOCK);
	for (;;) {
		if (feeding !== undefined && rest.byteLength === 0) {
			close(feeding);
			feeding = undefined;
		}
		const readable = outputs.filter(({ open }) => open);
		if (readable.length === 0 && feeding === undefined) break;
		const ready = poll([
			...readable.map(({ fd }) => ({ fd, events: POLLIN })),
			...(feeding === undefined ? [] : [{ fd: feeding, events: POLLOUT }]),
		]);
		for (const [index, output] of readable.entries()) {
			if (ready[index] !== true) continue;
			const buffer = new Uint8Array(64 * 1024);
			const length = read(output.fd, buffer);
			if (length > 0) output.chunks.push(buffer.subarray(0, length));
			else {
				close(output.fd);
				output.open = false;
			}
		}
		if (feeding !== undefined && ready[readable.length] === true) rest = feed(feeding, rest);
	}
	return outputs.map(({ chunks }) => concatBytes(chunks));
}

/** Writes what fits; returns what is left, nothing when the program has closed its stdin, which is its own affair. */
function feed(fd: number, data: Uint8Array): Uint8Array {
	try {
		return data.subarray(write(fd, data));
	} catch (thrown) {
		if (errnoOf(thrown) === Errno.EPIPE) return new Uint8Array();
		if (errnoOf(thrown) === Errno.EAGAIN) return data;
		throw thrown;
	}
}

/** wait4(2) */
function waitFor(pid: number): Pick<RunOutcome, "status" | "signal"> {
	const status = new Int32Array(1);
	call("wait", nr.wait4, pid, status);
	const word = status[0] ?? 0;
	const signal = word & 0x7f;
	return signal === 0 ? { status: (word >> 8) & 0xff, signal: undefined } : { status: undefined, signal };
}

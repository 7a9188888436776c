import { spawn } from "node:child_process";
import { systemPath } from "./paths.ts";
import { type Ended, runToEnd } from "./starter.ts";

/** A network namespace that a test made, known to `ip netns` by its name. */
export interface Namespace {
	readonly name: string;
	/** What a runtime gives in CNI_NETNS. */
	readonly path: string;
}

export interface RunOptions {
	readonly input?: string | Uint8Array;
	/** The whole environment; by default only PATH. */
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
	/** After this time the command is killed; by default 60 seconds. */
	readonly timeoutMs?: number;
}

export type Outcome = Ended;

/** `ip netns add NAME`, with the loopback interface up. */
export function createNamespace(name: string): Namespace {
	mustRun(["ip", "netns", "add", name]);
	const namespace = { name, path: `/run/netns/${name}` };
	runIn(namespace, ["ip", "link", "set", "lo", "up"]);
	return namespace;
}

/** `ip netns del NAME`; a namespace that is gone already is fine. */
export function deleteNamespace({ name }: Namespace): void {
	const { exitCode, stderr } = attempt(["ip", "netns", "del", name]);
	if (exitCode !== 0 && !stderr.includes("No such file"))
		throw new Error(`Cannot delete namespace "${name}": ${stderr}`);
}

/** Runs a command (program and arguments, no shell) and returns its stdout. @throws Error when it fails. */
export function runIn(namespace: Namespace, command: readonly string[], options?: RunOptions): string {
	return succeeded(command, attemptIn(namespace, command, options));
}

/** Runs a command and parses its stdout: `json(host, ["ip", "-j", "link"])`. */
export function jsonIn<T = unknown>(namespace: Namespace, command: readonly string[]): T {
	return JSON.parse(runIn(namespace, command) || "[]") as T;
}

/** Runs a command that may fail. */
export function attemptIn({ path }: Namespace, command: readonly string[], options?: RunOptions): Outcome {
	return runToEnd({ ...settings(options), namespace: path, command });
}

/** The same without waiting, so that many can run at once. */
export function attemptInAsync(
	namespace: Namespace,
	command: readonly string[],
	options: RunOptions = {},
): Promise<Outcome> {
	const { input, env, cwd, timeoutMs } = settings(options);
	const [program = "", ...args] = enter(namespace, command);
	return new Promise((resolve, reject) => {
		const child = spawn(program, args, { env, cwd, timeout: timeoutMs, killSignal: "SIGKILL" });
		let stdout = "";
		let stderr = "";
		child.stdout.setEncoding("utf8").on("data", (chunk) => {
			stdout += chunk;
		});
		child.stderr.setEncoding("utf8").on("data", (chunk) => {
			stderr += chunk;
		});
		child.on("error", reject);
		child.on("close", (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }));
		// A command that ends without reading its input breaks the pipe; that is not the test's failure.
		child.stdin.on("error", () => {});
		child.stdin.end(input);
	});
}

/**
 * The command line that runs `command` inside. nsenter instead of `ip netns exec`: it changes nothing but the network
 * namespace (no mount of /sys), as a runtime on a real host would find it.
 */
export function enter(namespace: Namespace, command: readonly string[]): string[] {
	return ["/usr/bin/nsenter", `--net=${namespace.path}`, "--", ...command];
}

/** Runs a command in whatever namespace we are in; only for making namespaces. */
export function attempt(command: readonly string[], options?: RunOptions): Outcome {
	return runToEnd({ ...settings(options), command });
}

function settings({ input = "", env = { PATH: systemPath }, cwd, timeoutMs = 60_000 }: RunOptions = {}) {
	return { input, env, cwd, timeoutMs };
}

function mustRun(command: readonly string[], options?: RunOptions): string {
	return succeeded(command, attempt(command, options));
}

function succeeded(command: readonly string[], { exitCode, signal, stdout, stderr }: Outcome): string {
	if (exitCode !== 0) throw new Error(`Cannot run "${command.join(" ")}": ${signal ?? `exit ${exitCode}`}: ${stderr}`);
	return stdout;
}

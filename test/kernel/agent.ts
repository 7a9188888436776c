import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { NetworkInfoMessage } from "../../lib/mesos/network-info-message.ts";
import { attemptIn, attemptInAsync, enter, type Namespace, type Outcome } from "../support/namespace.ts";
import { distribution, systemPath } from "../support/paths.ts";
import { leftovers, mountPointsBelow, type World } from "../support/world.ts";
import { type Config, hostLocal, kept } from "./bridge-network.ts";

/** What stands for a Mesos agent in a world: directories as its flags name them, and `cnictl task` to use them. */
export interface Agent extends Disposable {
	readonly configDirectory: string;
	readonly runtimeDirectory: string;
	readonly stateRoot: string;
	/** `--plugins-dir`: our own plugins, and before them those that a test writes. */
	readonly pluginPath: string;
	/** Writes a file of the configuration directory; by default `NAME.json`. */
	network(config: Config | string, file?: string): void;
	/** Writes a plugin: a shell script as Mesos's own tests have them, without `#!`. */
	plugin(type: string, script: string): void;
	/** Runs a task to its end. */
	run(task: TaskOptions): TaskOutcome;
	runAsync(task: TaskOptions): Promise<TaskOutcome>;
	/** Starts a task, and waits until it runs. @throws Error when it never does */
	start(task: TaskOptions): Promise<RunningTask>;
	/** `cnictl task …` */
	cnictl(...args: readonly string[]): Outcome;
	/** What `cnictl task list` knows. */
	list(): readonly ListedTask[];
	/** What is there of any task that was not there before the first: in the host's network, on disk, mounted. */
	left(except?: readonly RegExp[]): string[];
}

export interface TaskOptions {
	/** TaskInfo or ExecutorInfo. */
	readonly info?: unknown;
	readonly networks?: readonly string[];
	readonly containerId?: string;
	readonly parent?: string;
	/** By default that of `info`. */
	readonly command?: readonly string[];
	/** Further options of `cnictl task run`. */
	readonly options?: readonly string[];
	/** Put before the command line: a tracer. */
	readonly wrapper?: readonly string[];
	readonly env?: Readonly<Record<string, string>>;
}

export interface Status {
	readonly task_id: { readonly value: string };
	readonly state: string;
	readonly message?: string;
	readonly source: string;
	readonly reason?: string;
	readonly container_status: {
		readonly container_id: { readonly value: string; readonly parent?: { readonly value: string } };
		readonly network_infos?: readonly NetworkInfoMessage[];
		readonly executor_pid?: number;
	};
}

export interface TaskOutcome extends Outcome {
	readonly statuses: readonly Status[];
	readonly states: readonly string[];
	/** The last status's. */
	readonly message: string;
	/** What the command itself has printed. */
	readonly output: string;
}

export interface RunningTask {
	readonly containerId: string;
	/** Of the runner. */
	readonly pid: number;
	/** The container, for commands that are to run in its network. */
	readonly container: Namespace;
	/** Of the first network. */
	readonly address: string;
	readonly statuses: readonly Status[];
	/** Waits until the command has printed the text. */
	printed(text: string): Promise<void>;
	/** To the runner. */
	signal(signal: NodeJS.Signals): void;
	/** Kills the runner (SIGKILL), which leaves its task an orphan. */
	kill(): Promise<void>;
	/** Everything that has the output open has ended: an orphan's never does. */
	readonly ended: Promise<TaskOutcome>;
}

export interface ListedTask {
	readonly task_id: string;
	readonly container_id: string;
	readonly state: string;
	readonly pid?: number;
	readonly network_infos: readonly NetworkInfoMessage[];
	readonly statistics?: Readonly<Record<string, number>>;
	readonly problem?: string;
}

/** A network as an operator of Mesos would write it: a bridge with addresses of host-local. */
export function bridgeFile(world: World, changes: Config = {}): Config {
	return {
		name: "net1",
		type: "bridge",
		bridge: "br0",
		isDefaultGateway: true,
		ipam: hostLocal(world, ["10.1.2.0/24"]),
		...changes,
	};
}

export function createAgent(world: World): Agent {
	const configDirectory = join(world.directory, "mesos-cni");
	const own = join(world.directory, "plugins");
	const runtimeDirectory = join(world.directory, "mesos");
	const stateRoot = join(runtimeDirectory, "isolators/network/cni");
	const pluginPath = `${own}:${distribution}`;
	for (const directory of [configDirectory, own]) mkdirSync(directory);
	const runners = new Set<number>();

	const cli = (args: readonly string[]) => [join(distribution, "cnictl"), "task", ...args];
	const taskLine = ({
		info,
		networks = [],
		containerId,
		parent,
		command = [],
		options = [],
		wrapper = [],
	}: TaskOptions) => [
		...wrapper,
		...cli(["run", "--runtime-dir", runtimeDirectory, "--config-dir", configDirectory, "--plugins-dir", pluginPath]),
		...(info === undefined ? [] : ["--task", "-"]),
		...networks.flatMap((network) => ["--network", network]),
		...(containerId === undefined ? [] : ["--container-id", containerId]),
		...(parent === undefined ? [] : ["--parent", parent]),
		...options,
		...(command.length === 0 ? [] : ["--", ...command]),
	];
	const optionsOf = ({ info, env = {} }: TaskOptions) => ({
		...(info === undefined ? {} : { input: typeof info === "string" ? info : JSON.stringify(info) }),
		env: { PATH: systemPath, ...env },
	});
	const cnictl = (...args: readonly string[]) =>
		attemptIn(world.host, cli([...args.slice(0, 1), "--runtime-dir", runtimeDirectory, ...args.slice(1)]));

	return {
		configDirectory,
		runtimeDirectory,
		stateRoot,
		pluginPath,
		cnictl,

		network(config, file = typeof config === "string" ? "network" : `${String(config.name)}.json`) {
			writeFileSync(join(configDirectory, file), typeof config === "string" ? config : JSON.stringify(config));
		},

		plugin(type, script) {
			writeFileSync(join(own, type), `\n${script}\n`);
			chmodSync(join(own, type), 0o755);
		},

		run: (task) => outcomeOf(attemptIn(world.host, taskLine(task), optionsOf(task))),
		runAsync: async (task) => outcomeOf(await attemptInAsync(world.host, taskLine(task), optionsOf(task))),

		start(task) {
			const [program = "", ...args] = enter(world.host, taskLine(task));
			const { input = "", env } = optionsOf(task);
			const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] });
			child.stdin.on("error", () => {});
			child.stdin.end(input);
			const { pid = 0 } = child;
			runners.add(pid);
			let stdout = "";
			let stderr = "";
			child.stderr.setEncoding("utf8").on("data", (chunk) => {
				stderr += chunk;
			});
			const exited = once(child, "exit").finally(() => runners.delete(pid));
			const ended = new Promise<TaskOutcome>((resolve) => {
				child.on("close", (exitCode, signal) => resolve(outcomeOf({ exitCode, signal, stdout, stderr })));
			});
			return new Promise<RunningTask>((resolve, reject) => {
				child.stdout.setEncoding("utf8").on("data", (chunk) => {
					stdout += chunk;
					const { statuses } = parse(stdout);
					const running = statuses.find(({ state }) => state === "TASK_RUNNING");
					if (running === undefined) return;
					const containerId = idOf(running.container_status.container_id);
					resolve({
						containerId,
						pid,
						container: { name: containerId, path: join(stateRoot, containerId, "ns") },
						address:
							(running.container_status.network_infos?.[0]?.ip_addresses?.[0]?.ip_address ?? "").split("/")[0] ?? "",
						statuses,
						signal: (signal) => process.kill(pid, signal),
						async printed(text) {
							while (!parse(stdout).output.includes(text)) await sleep(10);
						},
						async kill() {
							child.kill("SIGKILL");
							await exited;
						},
						ended,
					});
				});
				ended.then((outcome) => reject(new Error(`The task never ran: ${outcome.stdout}${outcome.stderr}`)));
			});
		},

		list: () => (JSON.parse(cnictl("list", "--json").stdout) as { tasks: ListedTask[] }).tasks,

		left: (except = []) => [
			...leftovers(world, { except: [...kept, ...except] }),
			...filesBelow(runtimeDirectory).filter((file) => !/(^|\/)(tasks|cni)\.lock$/.test(file)),
			...mountPointsBelow(stateRoot),
		],

		[Symbol.dispose]() {
			for (const runner of runners) process.kill(runner, "SIGKILL");
			cnictl("recover");
		},
	};
}

function idOf({ value, parent }: { value: string; parent?: { value: string } }): string {
	return parent === undefined ? value : `${idOf(parent)}.${value}`;
}

function outcomeOf(outcome: Outcome): TaskOutcome {
	const { statuses, output } = parse(outcome.stdout);
	return {
		...outcome,
		statuses,
		states: statuses.map(({ state }) => state),
		message: statuses.at(-1)?.message ?? "",
		output,
	};
}

/** A status is a line in one piece, but the command may have written half a line before it. */
function parse(stdout: string): { statuses: Status[]; output: string } {
	const statusLine = /\{"task_id":[^\n]*\}\n/g;
	return {
		statuses: [...stdout.matchAll(statusLine)].map(([line]) => JSON.parse(line) as Status),
		output: stdout.replaceAll(statusLine, ""),
	};
}

function filesBelow(directory: string): string[] {
	if (!existsSync(directory)) return [];
	return readdirSync(directory, { recursive: true, withFileTypes: true })
		.filter((entry) => !entry.isDirectory() || entry.parentPath.endsWith("/cni"))
		.map(({ parentPath, name }) => join(parentPath, name));
}

/** Lines that a plugin of the test has written to a file. */
export function linesOf(path: string): string[] {
	return existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];
}

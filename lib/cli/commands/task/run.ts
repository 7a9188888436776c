import { randomUUID } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Command } from "commander";
import { CniError, ErrorCode, messageOf } from "../../../cni/error.ts";
import { readStdin, writeStderr, writeStdout } from "../../../linux/stdio.ts";
import { type ContainerId, formatContainerId, parseContainerId, rootOf } from "../../../mesos/container-id.ts";
import { bootId } from "../../../mesos/task/boot-id.ts";
import { endNestedTasks } from "../../../mesos/task/end-task.ts";
import { killRequestsFromSignals } from "../../../mesos/task/kill-requests.ts";
import { runTask } from "../../../mesos/task/run-task.ts";
import { decodeTaskInfo, hostnameOf, type TaskInfo } from "../../../mesos/task/task-info.ts";
import { openTaskRecords, type TaskRecords } from "../../../mesos/task/task-record.ts";
import { ExitWith } from "../../exit-with.ts";
import { type AgentOptions, addAgentOptions, isolatorOf, withEnvironment } from "./agent-options.ts";

interface RunOptions extends AgentOptions {
	readonly task?: string;
	readonly network?: readonly string[];
	readonly containerId?: string;
	readonly parent?: string;
	readonly hostname?: string;
	readonly rootfs?: string;
	readonly status?: string;
}

/** `cnictl task run -- COMMAND` */
export function taskRunCommand(): Command {
	return addAgentOptions(new Command("run"))
		.description("Starts a command on networks of its own, prints a TaskStatus a line, cleans up, and exits as it did.")
		.argument("[command...]", "what to run, after --; by default the command of the task")
		.option("--task <file>", 'TaskInfo or ExecutorInfo as JSON; "-" is stdin')
		.option("--network <name...>", "networks to join, instead of those of a task")
		.option("--container-id <id>", "id of the container (default: a new UUID)")
		.option("--parent <container id>", "container to be nested in; without networks of its own it shares those")
		.option("--hostname <name>", "host name in the container (default: that of the task, else the container id)")
		.option("--rootfs <directory>", "root directory of the command, in the place of an image (default: the host's)")
		.option("--status <file>", "append the TaskStatus lines to this file instead of printing them")
		.addHelpText(
			"after",
			"\nExample:\n  cnictl task run --config-dir /etc/mesos/cni --plugins-dir /opt/cni/bin --network app -- ip address",
		)
		.action(async (command: string[], options: RunOptions) => {
			throw new ExitWith(await run(command, withEnvironment(options)));
		});
}

async function run(command: readonly string[], options: RunOptions): Promise<number> {
	// From the first moment on: a signal must not end us half way.
	const requests = killRequestsFromSignals();
	const task = taskOf(options);
	const [program] = command;
	const line = program === undefined ? task.command : { program, argv: command };
	if (line === undefined) {
		throw new CniError(ErrorCode.invalidEnvironment, "Cannot run a task: there is no command", {
			details: "Give one after --, or a task with one",
		});
	}
	const records = openTaskRecords(resolve(options.runtimeDir));
	const containerId = containerIdOf(options);
	const parentPid = options.parent === undefined ? undefined : pidOf(records, options.parent);
	const isolator = isolatorOf(options);
	if (containerId.parent !== undefined) isolator.adopt(rootOf(containerId));
	const taskId = task.taskId ?? formatContainerId(containerId);
	const hostname = options.hostname === undefined ? undefined : hostnameOf(options.hostname, "--hostname");
	// From here on there is something to clean up.
	const record = records.create({
		taskId,
		name: task.name,
		containerId,
		runner: process.pid,
		startedAt: Date.now(),
		bootId: bootId(),
		pluginPath: options.pluginsDir,
	});
	return await runTask({
		taskId,
		executorId: task.executorId,
		containerId,
		hostname: hostname ?? task.hostname ?? containerId.value,
		networkInfos: task.networkInfos,
		rootfs: options.rootfs === undefined ? undefined : resolve(options.rootfs),
		command: { program: line.program, argv: line.argv },
		environment: { ...environmentOfProcess(), ...task.command?.environment },
		gracePeriodMs: task.gracePeriodMs,
		parentPid,
		isolator,
		record,
		requests,
		report: reporter(options.status),
		complain: (line) => writeStderr(`${line}\n`),
		endNested: () => endNestedTasks(records, formatContainerId(containerId)),
	});
}

function reporter(file: string | undefined): (status: object) => void {
	const write = file === undefined ? writeStdout : (text: string) => appendFileSync(file, text);
	return (status) => write(`${JSON.stringify(status)}\n`);
}

function taskOf({ task, network }: RunOptions): TaskInfo {
	if (task !== undefined && network !== undefined) {
		throw new CniError(ErrorCode.invalidEnvironment, `Cannot use "--network" beside "--task"`, {
			details: "The task says which networks it joins, in container.network_infos",
		});
	}
	if (task === undefined) {
		const network_infos = (network ?? []).map((name) => ({ name }));
		return decodeTaskInfo({ container: { type: "MESOS", network_infos } });
	}
	return decodeTaskInfo(readTask(task));
}

function readTask(file: string): unknown {
	try {
		return JSON.parse(file === "-" ? new TextDecoder().decode(readStdin()) : readFileSync(file, "utf8"));
	} catch (thrown) {
		throw new CniError(ErrorCode.decodingFailure, `Cannot read the task in "${file}": ${messageOf(thrown)}`, {
			cause: thrown,
		});
	}
}

function containerIdOf({ containerId = randomUUID(), parent }: RunOptions): ContainerId {
	return parseContainerId(parent === undefined ? containerId : `${parent}.${containerId}`);
}

function pidOf(records: TaskRecords, containerId: string): number {
	const found = records.list().find((task) => task.containerId === containerId);
	if (found?.record?.process !== undefined && found.owned) return found.record.process.pid;
	throw new CniError(
		ErrorCode.unknownContainer,
		`Cannot nest a task in container "${containerId}": no task runs there`,
		{
			details: "`cnictl task list` shows those that do",
		},
	);
}

function environmentOfProcess(): Record<string, string> {
	return Object.fromEntries(
		Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
	);
}

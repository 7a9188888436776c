import { errorText } from "../../cni/error.ts";
import { given } from "../../cni/given.ts";
import { decodeDocument } from "../../cni/schema.ts";
import { type ContainerId, formatContainerId } from "../container-id.ts";
import type { EtcFiles } from "../isolator/etc-files.ts";
import type { Isolator } from "../isolator/isolator.ts";
import type { ContainerStatus } from "../isolator/status.ts";
import { mesosSchema, networkInfoOf } from "../network-info.ts";
import type { NetworkInfoMessage } from "../network-info-message.ts";
import { agentAddresses } from "./agent-addresses.ts";
import { cleanUpTask } from "./clean-up.ts";
import { describeEnding, type Ending, exitCodeOf } from "./command-ending.ts";
import { processOf } from "./container-processes.ts";
import type { KillRequests } from "./kill-requests.ts";
import { type Launch, LaunchError, launch } from "./launch.ts";
import { couldNotStart, type LaunchOrder } from "./launch-order.ts";
import type { CommandLine } from "./task-info.ts";
import type { OwnedRecord } from "./task-record.ts";
import { type TaskState, type TaskStatus, taskStatus } from "./task-status.ts";

export interface TaskRun {
	readonly taskId: string;
	readonly executorId: string | undefined;
	readonly containerId: ContainerId;
	readonly hostname: string;
	readonly networkInfos: readonly NetworkInfoMessage[];
	readonly command: CommandLine;
	/** The root directory of the command; undefined for the host's. */
	readonly rootfs: string | undefined;
	/** Of the command. */
	readonly environment: Readonly<Record<string, string>>;
	readonly gracePeriodMs: number;
	/** The first process of the container in which this one is nested. */
	readonly parentPid: number | undefined;
	readonly isolator: Isolator;
	readonly record: OwnedRecord;
	readonly requests: KillRequests;
	readonly report: (status: TaskStatus) => void;
	/** Told what could not be cleaned up. */
	readonly complain: (line: string) => void;
	/** Ends the containers that are nested in this one. */
	readonly endNested: () => Promise<void>;
}

/**
 * Runs a task from its first to its last status, which comes when nothing is left of it.
 *
 * @returns the exit code: the command's, 128 and the number of the signal that has ended it, 126 or 127 when it could not
 *   be executed, and 125 when it could not even be tried, or when something of it is left
 */
export async function runTask(run: TaskRun): Promise<number> {
	const outcome = await live(run).catch((thrown: unknown) => launchFailure(run, thrown));
	const cleaned = await cleanUp(run);
	report(run, outcome);
	return cleaned ? outcome.exitCode : outcome.exitCode || couldNotStart;
}

interface Update {
	readonly state: TaskState;
	readonly message?: string;
	readonly launchFailed?: boolean;
	readonly container: ContainerStatus;
}

interface Outcome extends Update {
	readonly exitCode: number;
}

async function live(run: TaskRun): Promise<Outcome> {
	const { containerId, networkInfos, rootfs, isolator, requests } = run;
	// What plugins of this suite would refuse is refused before anything is started, whosever the plugins are.
	for (const info of networkInfos) networkInfoOf(decodeDocument(mesosSchema, { network_info: info }));
	const { ownNetwork, environment } = isolator.prepare(containerId, networkInfos);
	const nested = containerId.parent !== undefined;
	const launched = await launch({
		own: ownNetwork,
		mounts: ownNetwork || nested || rootfs !== undefined,
		...given("join", ownNetwork ? undefined : run.parentPid),
	});
	// Until it is told to start, it ends when this process does: nothing is lost if that happens before the next lines.
	const leader = processOf(launched.pid);
	if (leader !== undefined) run.record.setProcess(leader);

	const { pid } = launched;
	const files = await isolator.isolate(containerId, { pid, hostname: run.hostname, ownRoot: rootfs !== undefined });
	const container = statusOf(run, pid);
	if (requests.wasKilled) return killedEarly(container);
	report(run, { state: "TASK_STARTING", container });
	try {
		await launched.start({
			mounts: mountsOf(files),
			...given("rootfs", rootfs),
			...given("hostname", ownNetwork ? run.hostname : undefined),
			...run.command,
			environment: environmentOf({ ...run.environment, ...environment, ...containerAddress(container) }),
		});
	} catch (thrown) {
		return { state: "TASK_FAILED", ...failureOf(thrown), container };
	}
	report(run, { state: "TASK_RUNNING", container });
	return await awaitEnd(run, { launched, container });
}

/** As the agent does: a container on no network of CNI has the agent's addresses. */
function statusOf({ isolator, containerId }: TaskRun, pid: number | undefined): ContainerStatus {
	const status = isolator.status(containerId);
	const { network_infos = [{ ip_addresses: agentAddresses() }] } = status;
	return { ...status, network_infos, ...given("executor_pid", pid) };
}

function containerAddress({ network_infos = [] }: ContainerStatus): Readonly<Record<string, string>> {
	const [address] = network_infos[0]?.ip_addresses ?? [];
	const [bare = ""] = (address?.ip_address ?? "").split("/");
	return bare === "" ? {} : { MESOS_CONTAINER_IP: bare };
}

function mountsOf(files: EtcFiles | undefined): LaunchOrder["mounts"] {
	const { hosts, hostname, resolvConf, readOnly = false } = files ?? {};
	return [
		{ source: hosts, target: "/etc/hosts" },
		{ source: hostname, target: "/etc/hostname" },
		{ source: resolvConf, target: "/etc/resolv.conf" },
	].flatMap(({ source, target }) => (source === undefined ? [] : [{ source, target, readOnly }]));
}

function environmentOf(variables: Readonly<Record<string, string>>): readonly string[] {
	return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

async function awaitEnd(
	run: TaskRun,
	{ launched, container }: { launched: Launch; container: ContainerStatus },
): Promise<Outcome> {
	let timer: NodeJS.Timeout | undefined;
	const kill = (signal: NodeJS.Signals) => {
		if (timer !== undefined) return launched.signal("SIGKILL");
		report(run, { state: "TASK_KILLING", container });
		launched.signal(signal);
		timer = setTimeout(() => launched.signal("SIGKILL"), run.gracePeriodMs);
	};
	run.requests.listen({ kill, forward: (signal) => launched.signal(signal) });
	// What has come while the command was started.
	if (run.requests.wasKilled) kill("SIGTERM");
	const ending = await launched.ended;
	clearTimeout(timer);
	const killed = timer !== undefined;
	return { state: killed ? "TASK_KILLED" : stateAfter(ending), ...outcomeOf(ending), container };
}

function stateAfter({ exitCode }: Ending): TaskState {
	return exitCode === 0 ? "TASK_FINISHED" : "TASK_FAILED";
}

function outcomeOf(ending: Ending): { message: string; exitCode: number } {
	return { message: describeEnding(ending), exitCode: exitCodeOf(ending) };
}

const SIGTERM = 15;

function killedEarly(container: ContainerStatus): Outcome {
	return { state: "TASK_KILLED", message: "Killed before its command was started", exitCode: 128 + SIGTERM, container };
}

function launchFailure({ containerId }: TaskRun, thrown: unknown): Outcome {
	return { state: "TASK_FAILED", ...failureOf(thrown), launchFailed: true, container: { container_id: containerId } };
}

function failureOf(thrown: unknown): { message: string; exitCode: number } {
	return {
		message: errorText(thrown),
		exitCode: thrown instanceof LaunchError ? thrown.exitCode : couldNotStart,
	};
}

async function cleanUp(run: TaskRun): Promise<boolean> {
	try {
		await run.endNested();
		await cleanUpTask(run);
		return true;
	} catch (thrown) {
		const id = formatContainerId(run.containerId);
		run.complain(
			`Failed to clean up an isolator when destroying container: ${errorText(thrown)}\n` +
				`What is left of container "${id}" is kept; \`cnictl task recover\` tries again`,
		);
		run.record[Symbol.dispose]();
		return false;
	}
}

function report({ taskId, executorId, report }: TaskRun, update: Update): void {
	report(taskStatus({ taskId, executorId, ...update }));
}

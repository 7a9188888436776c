import { readdirSync, readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { CniError, ErrorCode } from "../../cni/error.ts";
import type { TaskProcess } from "./task-record.ts";

/** What tells that a process belongs to a container. */
export interface ContainerMarks {
	/** The container's own network namespace, as {@link namespaceOf} or the inode of its handle says. */
	readonly namespace: string | undefined;
	/** The first process, which is the leader of a session. */
	readonly leader: TaskProcess | undefined;
}

/** A process as /proc tells. */
interface Process {
	readonly pid: number;
	readonly state: string;
	readonly session: number;
	readonly startTicks: number;
}

const givingUpAfterMs = 10_000;
const lookAgainAfterMs = 4;

/**
 * Kills (SIGKILL) what runs in the container's network namespace or in the session of its first process, again and again
 * until nothing is left: a process may be just starting another.
 *
 * @throws CniError when something does not die
 */
export async function killContainer(marks: ContainerMarks): Promise<void> {
	const deadline = Date.now() + givingUpAfterMs;
	for (;;) {
		const left = processesOf(marks);
		if (left.length === 0) return;
		if (Date.now() > deadline) {
			throw new CniError(ErrorCode.internal, `Cannot kill the processes ${left.join(", ")}: they do not die`);
		}
		for (const pid of left) kill(pid);
		await sleep(lookAgainAfterMs);
	}
}

function processesOf({ namespace, leader }: ContainerMarks): readonly number[] {
	if (namespace === undefined && leader === undefined) return [];
	// A namespace that is ours, or the host's, was never the container's own.
	const own = namespace !== undefined && !["self", "1"].some((pid) => namespaceOf(pid) === namespace);
	const others = allProcesses();
	const session = leader !== undefined && isSessionOf(leader, others) ? leader.pid : undefined;
	return others
		.filter(({ state }) => state !== "Z" && state !== "X")
		.filter((process) => process.session === session || (own && namespaceOf(process.pid) === namespace))
		.map(({ pid }) => pid);
}

/** A number is not given again as long as a session has it, so that a leader of another time leads another session. */
function isSessionOf({ pid, startTicks }: TaskProcess, processes: readonly Process[]): boolean {
	const leader = processes.find((process) => process.pid === pid);
	return leader === undefined || leader.startTicks === startTicks;
}

/** Waits until no plugin works for the container any more: one may outlive the runner that has started it. */
export async function awaitPlugins(containerId: string): Promise<void> {
	const deadline = Date.now() + longestPluginMs;
	while (allProcesses().some(({ pid }) => isPluginFor(pid, containerId)) && Date.now() < deadline) {
		await sleep(lookAgainAfterMs);
	}
}

const longestPluginMs = 30_000;

function isPluginFor(pid: number, containerId: string): boolean {
	try {
		return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`CNI_CONTAINERID=${containerId}`);
	} catch {
		return false;
	}
}

/** What tells the process from later ones of its number; undefined when it is gone. */
export function processOf(pid: number): TaskProcess | undefined {
	const process = readProcess(pid);
	return process === undefined ? undefined : { pid, startTicks: process.startTicks };
}

/** The network namespace that a process is in; undefined when it has ended. */
export function namespaceOf(pid: number | string): string | undefined {
	return namespaceAt(`/proc/${pid}/ns/net`);
}

/** The namespace that a handle leads to; undefined when there is no file. */
export function namespaceAt(path: string): string | undefined {
	try {
		const { dev, ino } = statSync(path);
		return `${dev}:${ino}`;
	} catch {
		return undefined;
	}
}

function allProcesses(): readonly Process[] {
	return readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.map((name) => readProcess(Number(name)))
		.filter((process) => process !== undefined);
}

/** /proc/PID/stat; the name in parentheses may contain anything. */
function readProcess(pid: number): Process | undefined {
	try {
		const text = readFileSync(`/proc/${pid}/stat`, "utf8");
		const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
		return { pid, state: fields[0] ?? "", session: Number(fields[3]), startTicks: Number(fields[19]) };
	} catch {
		return undefined;
	}
}

function kill(pid: number): void {
	try {
		process.kill(pid, "SIGKILL");
	} catch {
		// It has ended by itself.
	}
}

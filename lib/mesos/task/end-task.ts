import { setTimeout as sleep } from "node:timers/promises";
import { CniError, ErrorCode } from "../../cni/error.ts";
import { isProcessAlive } from "../../linux/process.ts";
import type { TaskRecords } from "./task-record.ts";

/** How long a runner may take beyond the grace period of its task. */
const longestCleanupMs = 60_000;
const lookAgainAfterMs = 10;

/**
 * Has the runner of a task end it, and waits until nothing of it is left.
 *
 * @param containerId as `formatContainerId` writes it
 * @returns whether there was a runner; without one, the task is to be recovered
 * @throws CniError when the runner does not come to an end
 */
export async function endTask(records: TaskRecords, containerId: string): Promise<boolean> {
	const task = records.list().find((each) => each.containerId === containerId);
	if (task?.owned !== true || task.record === undefined) return false;
	const { runner } = task.record;
	signal(runner);
	const deadline = Date.now() + longestCleanupMs;
	while (records.has(containerId)) {
		// It has kept what it could not clean up.
		if (!isProcessAlive(runner)) return false;
		if (Date.now() > deadline) {
			throw new CniError(
				ErrorCode.tryAgainLater,
				`Cannot end the task in container "${containerId}": it is not gone yet`,
				{
					details: `Process ${runner} still works on it`,
				},
			);
		}
		await sleep(lookAgainAfterMs);
	}
	return true;
}

/** Ends all containers nested in this one, as far as anybody looks after them. @throws CniError */
export async function endNestedTasks(records: TaskRecords, containerId: string): Promise<void> {
	const nested = records.list().filter((task) => task.containerId.startsWith(`${containerId}.`));
	await Promise.all(nested.map((task) => endTask(records, task.containerId)));
}

function signal(runner: number): void {
	try {
		process.kill(runner, "SIGTERM");
	} catch {
		// It has ended meanwhile.
	}
}

import { readdirSync } from "node:fs";
import { type ContainerId, formatContainerId, parseContainerId } from "../container-id.ts";
import type { Isolator } from "../isolator/isolator.ts";
import { containerPaths } from "../isolator/layout.ts";
import { listContainers } from "../isolator/load-container.ts";
import { cleanUpTask } from "./clean-up.ts";
import { awaitPlugins } from "./container-processes.ts";
import type { OwnedRecord, TaskRecords } from "./task-record.ts";

export interface RecoveredTask {
	readonly containerId: string;
	/** Undefined when nothing is left of it. */
	readonly error: unknown;
}

/**
 * Cleans up after runners that were killed: of every task that nobody looks after its processes, then its networks.
 *
 * @param only this container, and those nested in it; by default all
 */
export async function recoverTasks(
	{ isolator, records }: { isolator: Isolator; records: TaskRecords },
	only?: string,
): Promise<readonly RecoveredTask[]> {
	const candidates = candidatesOf(isolator, records).filter(
		(id) => only === undefined || id === only || id.startsWith(`${only}.`),
	);
	const found = candidates.map(parseContainerId).flatMap((id) => {
		const record = records.takeOver(id, () => hasDirectory(isolator, id));
		return record === undefined ? [] : [{ id, record }];
	});
	return await Promise.all(
		found.map(async ({ id, record }) => {
			using owned = record;
			return { containerId: formatContainerId(id), error: await failureOf(() => recoverTask(isolator, id, owned)) };
		}),
	);
}

async function recoverTask(isolator: Isolator, containerId: ContainerId, record: OwnedRecord): Promise<void> {
	await awaitPlugins(formatContainerId(containerId));
	isolator.adopt(containerId);
	await cleanUpTask({ isolator, record, containerId });
}

function candidatesOf({ stateRoot }: Isolator, records: TaskRecords): readonly string[] {
	const withState = listContainers(stateRoot).map(formatContainerId);
	return [...new Set([...withState, ...records.list().map(({ containerId }) => containerId)])].sort();
}

function hasDirectory({ stateRoot }: Isolator, id: ContainerId): boolean {
	try {
		readdirSync(containerPaths(stateRoot, formatContainerId(id)).directory);
		return true;
	} catch {
		return false;
	}
}

async function failureOf(action: () => Promise<void>): Promise<unknown> {
	try {
		await action();
		return undefined;
	} catch (thrown) {
		return thrown;
	}
}

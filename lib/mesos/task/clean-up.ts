import { type ContainerId, formatContainerId } from "../container-id.ts";
import type { Isolator } from "../isolator/isolator.ts";
import { containerPaths } from "../isolator/layout.ts";
import { bootId } from "./boot-id.ts";
import { killContainer, namespaceAt } from "./container-processes.ts";
import type { OwnedRecord } from "./task-record.ts";

export interface TaskRemains {
	readonly containerId: ContainerId;
	/** It knows the container. */
	readonly isolator: Isolator;
	readonly record: OwnedRecord;
}

/**
 * Takes a task away: its processes first, then what the isolator has made, then its record. Whatever fails, the rest is
 * kept for the next try.
 *
 * @throws CniError
 */
export async function cleanUpTask({ isolator, record, containerId }: TaskRemains): Promise<void> {
	const id = formatContainerId(containerId);
	const { process, bootId: boot } = record.record ?? {};
	await killContainer({
		namespace: namespaceAt(containerPaths(isolator.stateRoot, id).namespace),
		leader: boot === bootId() ? process : undefined,
	});
	await isolator.cleanup(containerId);
	record.remove();
}

import { realpathSync } from "node:fs";
import { messageOf } from "../../cni/error.ts";
import { parseContainerId } from "../container-id.ts";
import { stateRootName } from "../isolator/isolator.ts";
import { loadContainer } from "../isolator/load-container.ts";
import { networkInfosOf } from "../isolator/status.ts";
import { type NetworkStatistics, readUsage } from "../isolator/usage.ts";
import type { NetworkInfoMessage } from "../network-info-message.ts";
import type { TaskRecords } from "./task-record.ts";

/** A task as an operator sees it. */
export interface Task {
	readonly taskId: string;
	readonly name: string | undefined;
	readonly containerId: string;
	/** `orphaned`: its runner is dead, and `cnictl task recover` cleans up. */
	readonly state: "starting" | "running" | "orphaned";
	/** Of the first process; undefined while there is none. */
	readonly pid: number | undefined;
	/** Milliseconds since the epoch; undefined when its runner died before it could say. */
	readonly startedAt: number | undefined;
	/** Those that it has joined; empty on the host's network. */
	readonly networkInfos: readonly NetworkInfoMessage[];
	readonly statistics: NetworkStatistics | undefined;
	/** Why no more can be said. */
	readonly problem: string | undefined;
}

/** All tasks of a runtime directory, the oldest first. Changes nothing. */
export function listTasks(runtimeDirectory: string, records: TaskRecords): readonly Task[] {
	return records
		.list()
		.map(({ containerId, record, owned }): Task => {
			const { taskId = "", name, startedAt, process } = record ?? {};
			const state = !owned ? "orphaned" : process === undefined ? "starting" : "running";
			const network = networkOf(runtimeDirectory, containerId);
			return { taskId, name, containerId, state, pid: process?.pid, startedAt, ...network };
		})
		.sort((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0));
}

type NetworkSide = Pick<Task, "networkInfos" | "statistics" | "problem">;

function networkOf(runtimeDirectory: string, containerId: string): NetworkSide {
	const nothing = { networkInfos: [], statistics: undefined, problem: undefined };
	try {
		const stateRoot = realpathSync(`${runtimeDirectory}/${stateRootName}`);
		const container = loadContainer(stateRoot, { id: parseContainerId(containerId), log() {} });
		if (container === undefined) return nothing;
		return { ...nothing, networkInfos: networkInfosOf(container), statistics: readUsage(stateRoot, container) };
	} catch (thrown) {
		return { ...nothing, problem: messageOf(thrown) };
	}
}

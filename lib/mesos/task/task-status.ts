import { given } from "../../cni/given.ts";
import type { ContainerStatus } from "../isolator/status.ts";

export type TaskState =
	| "TASK_STARTING"
	| "TASK_RUNNING"
	| "TASK_KILLING"
	| "TASK_FINISHED"
	| "TASK_FAILED"
	| "TASK_KILLED";

/** What a framework is told of its task, in the form of its JSON; one line each. */
export interface TaskStatus {
	readonly task_id: { readonly value: string };
	readonly state: TaskState;
	readonly message?: string;
	readonly source: "SOURCE_EXECUTOR" | "SOURCE_AGENT";
	readonly reason?: "REASON_CONTAINER_LAUNCH_FAILED";
	readonly executor_id?: { readonly value: string };
	/** Seconds since the epoch. */
	readonly timestamp: number;
	readonly container_status: ContainerStatus;
}

export interface StatusUpdate {
	readonly taskId: string;
	readonly executorId: string | undefined;
	readonly state: TaskState;
	readonly message?: string;
	/** Whether the agent says so, because there is no executor that could. */
	readonly launchFailed?: boolean;
	readonly container: ContainerStatus;
}

export function taskStatus({ taskId, executorId, state, message, launchFailed, container }: StatusUpdate): TaskStatus {
	return {
		task_id: { value: taskId },
		state,
		...given("message", message),
		...(launchFailed
			? { source: "SOURCE_AGENT", reason: "REASON_CONTAINER_LAUNCH_FAILED" }
			: { source: "SOURCE_EXECUTOR" }),
		...given("executor_id", executorId === undefined ? undefined : { value: executorId }),
		timestamp: Date.now() / 1000,
		container_status: container,
	};
}

import { Command } from "commander";
import { CniError, ErrorCode } from "../../../cni/error.ts";
import { endTask } from "../../../mesos/task/end-task.ts";
import { type ListedTask, openTaskRecords } from "../../../mesos/task/task-record.ts";
import type { AgentOptions } from "./agent-options.ts";
import { addRecoverOptions, recover } from "./recover.ts";

/** `cnictl task kill ID...` */
export function taskKillCommand(): Command {
	return addRecoverOptions(new Command("kill"))
		.description(
			"Ends tasks, SIGTERM first and SIGKILL after their grace period, and waits until nothing is left of them.",
		)
		.argument("<id...>", "task or container ids")
		.action(async (ids: string[], options: AgentOptions) => {
			const tasks = openTaskRecords(options.runtimeDir);
			const listed = tasks.list();
			const containers = ids.map((id) => containerOf(listed, id));
			await Promise.all(
				containers.map(async (containerId) => {
					if (await endTask(tasks, containerId)) return;
					await recover(options, containerId);
				}),
			);
		});
}

function containerOf(tasks: readonly ListedTask[], id: string): string {
	const found =
		tasks.find(({ containerId }) => containerId === id) ?? tasks.find(({ record }) => record?.taskId === id);
	if (found !== undefined) return found.containerId;
	throw new CniError(ErrorCode.unknownContainer, `Cannot kill the task "${id}": there is none`, {
		details: "`cnictl task list` shows those that there are",
	});
}

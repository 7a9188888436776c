import { resolve } from "node:path";
import { Command } from "commander";
import { CniError, errorText, toCniError } from "../../../cni/error.ts";
import { splitPath } from "../../../cni/find-plugin.ts";
import { writeStderr, writeStdout } from "../../../linux/stdio.ts";
import { createCleaningIsolator } from "../../../mesos/isolator/isolator.ts";
import { recoverTasks } from "../../../mesos/task/recover-tasks.ts";
import { openTaskRecords, type TaskRecords } from "../../../mesos/task/task-record.ts";
import { type AgentOptions, addPluginsOption, addRuntimeOption } from "./agent-options.ts";

type RecoverOptions = Pick<AgentOptions, "runtimeDir" | "pluginsDir">;

/** `cnictl task recover` */
export function taskRecoverCommand(): Command {
	return addRecoverOptions(new Command("recover"))
		.description("Cleans up after every `task run` that was killed: processes, networks, addresses. Others run on.")
		.action(async (options: RecoverOptions) => recover(options));
}

export function addRecoverOptions(command: Command): Command {
	return addPluginsOption(addRuntimeOption(command), "those with which the tasks were run");
}

/** @throws CniError a line for each task that could not be cleaned up */
export async function recover({ runtimeDir, pluginsDir }: RecoverOptions, only?: string): Promise<void> {
	const runtimeDirectory = resolve(runtimeDir);
	const records = openTaskRecords(runtimeDirectory);
	const isolator = createCleaningIsolator({
		runtimeDirectory,
		pluginPath: pluginsDir ?? pluginPathOf(records),
		path: process.env.PATH,
		log: (line) => writeStderr(`${line}\n`),
	});
	const recovered = await recoverTasks({ isolator, records }, only);
	for (const { containerId, error } of recovered) if (error === undefined) writeStdout(`${containerId}\n`);
	const failed = recovered.filter(({ error }) => error !== undefined);
	if (failed.length === 0) return;
	const lines = failed.map(
		({ containerId, error }) => `Cannot clean up container "${containerId}": ${errorText(error)}`,
	);
	throw new CniError(toCniError(failed[0]?.error).code, lines.join("\n"));
}

/** The directories of all tasks that nobody looks after. */
function pluginPathOf(records: TaskRecords): string {
	const orphaned = records.list().filter(({ owned }) => !owned);
	return [...new Set(orphaned.flatMap(({ record }) => splitPath(record?.pluginPath ?? "")))].join(":");
}

import { Command } from "commander";
import { given } from "../../../cni/given.ts";
import { writeStdout } from "../../../linux/stdio.ts";
import { listTasks, type Task } from "../../../mesos/task/list-tasks.ts";
import { openTaskRecords } from "../../../mesos/task/task-record.ts";
import { formatAge } from "../../format-age.ts";
import { formatTable } from "../../format-table.ts";
import { addRuntimeOption } from "./agent-options.ts";

/** `cnictl task list` */
export function taskListCommand(): Command {
	return addRuntimeOption(new Command("list"))
		.description("Lists tasks with their networks, addresses and groups.")
		.option("--json", "print JSON, with the counters of the interfaces")
		.action(({ runtimeDir, json }: { runtimeDir: string; json?: boolean }) => {
			const tasks = listTasks(runtimeDir, openTaskRecords(runtimeDir));
			if (json) writeStdout(`${JSON.stringify({ tasks: tasks.map(toJson) }, null, "\t")}\n`);
			else writeStdout(tasks.length === 0 ? `no tasks in ${runtimeDir}\n` : tableOf(tasks));
		});
}

/** With the names of Mesos's own state. */
function toJson({ taskId, name, containerId, state, pid, startedAt, networkInfos, statistics, problem }: Task) {
	return {
		task_id: taskId,
		...given("name", name),
		container_id: containerId,
		state,
		...given("pid", pid),
		...given("started_at", startedAt === undefined ? undefined : new Date(startedAt).toISOString()),
		network_infos: networkInfos,
		...given("statistics", statistics),
		...given("problem", problem),
	};
}

function tableOf(tasks: readonly Task[]): string {
	const now = Date.now();
	const rows = tasks.map(({ taskId, containerId, state, networkInfos, startedAt, problem }) => [
		printable(taskId) || "-",
		containerId === taskId ? "-" : containerId,
		state,
		listed(networkInfos.map(({ name = "" }) => name)) || (problem === undefined ? "host" : "?"),
		listed(
			networkInfos.flatMap(({ ip_addresses = [] }) => ip_addresses.map(({ ip_address = "" }) => bare(ip_address))),
		),
		listed([...new Set(networkInfos.flatMap(({ groups = [] }) => groups))]),
		startedAt === undefined ? "-" : formatAge(now - startedAt),
	]);
	return formatTable([["TASK", "CONTAINER", "STATE", "NETWORKS", "ADDRESSES", "GROUPS", "AGE"], ...rows.map(dashed)]);
}

function listed(items: readonly string[]): string {
	return items.map(printable).join(",");
}

function dashed(row: readonly string[]): readonly string[] {
	return row.map((cell) => cell || "-");
}

/** What a framework has written, as one cell. */
function printable(text: string): string {
	return text.replace(/[\p{C}\p{Z}]/gu, "?");
}

/** Of IPv6 addresses Mesos keeps the prefix length. */
function bare(address: string): string {
	return address.split("/")[0] ?? "";
}

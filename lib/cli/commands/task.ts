import { Command } from "commander";
import { taskKillCommand } from "./task/kill.ts";
import { taskListCommand } from "./task/list.ts";
import { taskRecoverCommand } from "./task/recover.ts";
import { taskRunCommand } from "./task/run.ts";

/** `cnictl task` */
export function taskCommand(): Command {
	const command = new Command("task").description(
		"Runs commands with addresses of their own, as an agent of Apache Mesos runs tasks with its network/cni isolator.",
	);
	for (const subcommand of [taskRunCommand(), taskListCommand(), taskKillCommand(), taskRecoverCommand()]) {
		command.addCommand(subcommand.exitOverride());
	}
	return command;
}

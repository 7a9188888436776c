import { Command } from "commander";
import { ipamPoolAddCommand } from "./pool/add.ts";
import { ipamPoolListCommand } from "./pool/list.ts";
import { ipamPoolRemoveCommand } from "./pool/remove.ts";

/** `cnictl ipam pool` */
export function ipamPoolCommand(): Command {
	const command = new Command("pool").description(
		"Lists what etcd has of each network of a cluster, adds addresses to a network for all agents, and removes what " +
			"nobody uses any more.",
	);
	for (const subcommand of [ipamPoolListCommand(), ipamPoolAddCommand(), ipamPoolRemoveCommand()]) {
		command.addCommand(subcommand.exitOverride());
	}
	return command;
}

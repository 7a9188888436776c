import { Command } from "commander";
import { ipamFindCommand } from "./ipam/find.ts";
import { ipamShowCommand } from "./ipam/show.ts";

/** `cnictl ipam` */
export function ipamCommand(): Command {
	const command = new Command("ipam").description(
		"Looks after the addresses that host-local and cluster hand out: who holds what, whether that is right, and by hand.",
	);
	for (const subcommand of [ipamShowCommand(), ipamFindCommand()]) command.addCommand(subcommand.exitOverride());
	return command;
}

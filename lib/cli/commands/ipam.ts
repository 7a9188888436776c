import { Command } from "commander";
import type { PluginRegistry } from "../../cni/call.ts";
import { ipamCheckCommand } from "./ipam/check.ts";
import { ipamFindCommand } from "./ipam/find.ts";
import { ipamMigrateCommand } from "./ipam/migrate.ts";
import { ipamPoolCommand } from "./ipam/pool.ts";
import { ipamReleaseCommand } from "./ipam/release.ts";
import { ipamShowCommand } from "./ipam/show.ts";

/** `cnictl ipam` */
export function ipamCommand(plugins: PluginRegistry): Command {
	const command = new Command("ipam")
		.description(
			"Looks after the addresses that host-local and cluster hand out: who holds what, whether that is right, and by hand.",
		)
		.addHelpText("after", "\nExample:\n  cnictl ipam show mynet");
	for (const subcommand of [
		ipamShowCommand(),
		ipamFindCommand(),
		ipamCheckCommand(plugins),
		ipamReleaseCommand(plugins),
		ipamMigrateCommand(plugins),
		ipamPoolCommand(),
	]) {
		command.addCommand(subcommand.exitOverride());
	}
	return command;
}

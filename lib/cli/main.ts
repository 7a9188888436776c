import { Command, CommanderError } from "commander";
import type { PluginRegistry } from "../cni/call.ts";
import { errorText } from "../cni/error.ts";
import { writeStderr } from "../linux/stdio.ts";
import { addCommand } from "./commands/add.ts";
import { addressesCommand } from "./commands/addresses.ts";
import { agentsCommand } from "./commands/agents.ts";
import { checkCommand } from "./commands/check.ts";
import { delCommand } from "./commands/del.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { firewallCommand } from "./commands/firewall.ts";
import { gcCommand } from "./commands/gc.ts";
import { groupsCommand } from "./commands/groups.ts";
import { installCommand } from "./commands/install.ts";
import { ipamCommand } from "./commands/ipam.ts";
import { networksCommand } from "./commands/networks.ts";
import { showCommand } from "./commands/show.ts";
import { statusCommand } from "./commands/status.ts";
import { taskCommand } from "./commands/task.ts";
import { validateCommand } from "./commands/validate.ts";
import { versionCommand } from "./commands/version.ts";
import { ExitWith } from "./exit-with.ts";

/**
 * The operator's command. Results go to stdout, errors to stderr.
 *
 * @param argv the arguments without the program's name
 * @returns the exit code: 0, or 1 for any failure; of `task run` that of the task
 */
export async function cnictl(
	argv: readonly string[],
	{ plugins, release }: { plugins: PluginRegistry; release: string },
): Promise<number> {
	const program = new Command("cnictl")
		.description("Attaches containers to CNI networks by hand, and looks after networks and plugins.")
		.version(release)
		.exitOverride()
		.addHelpText("after", environmentHelp);
	for (const command of [
		addCommand(),
		checkCommand(),
		delCommand(),
		gcCommand(),
		statusCommand(),
		firewallCommand(),
		groupsCommand(),
		versionCommand(),
		networksCommand(plugins),
		addressesCommand(),
		ipamCommand(plugins),
		agentsCommand(plugins),
		validateCommand(plugins),
		showCommand(),
		doctorCommand(plugins),
		installCommand(plugins),
		taskCommand(),
	]) {
		program.addCommand(command.exitOverride());
	}
	return await run(program, argv);
}

async function run(program: Command, argv: readonly string[]): Promise<number> {
	try {
		await program.parseAsync(argv, { from: "user" });
		return 0;
	} catch (thrown) {
		// commander has printed its own errors and the help already.
		if (thrown instanceof CommanderError || thrown instanceof ExitWith) return thrown.exitCode;
		writeStderr(`${errorText(thrown)}\n`);
		return 1;
	}
}

const environmentHelp = `
Environment:
  CNI_PATH     directories of the plugins, separated by ":"
  NETCONFPATH  directory of the network configurations (default: /etc/cni/net.d)
  CNI_ARGS     arguments for plugins: KEY=VALUE;KEY=VALUE
  CAP_ARGS     capability arguments as JSON: {"portMappings":[{"hostPort":8080,"containerPort":80}]}
  CNI_IFNAME   interface in the container (default: eth0)

Example:
  ip netns add blue
  CNI_PATH=/opt/cni/bin cnictl add mynet /run/netns/blue
`;

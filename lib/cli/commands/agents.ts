import { Command } from "commander";
import type { PluginRegistry } from "../../cni/call.ts";
import { writeStdout } from "../../linux/stdio.ts";
import { agentsText, agentToJson } from "../agents/agents-text.ts";
import { readAgents } from "../agents/read-agents.ts";
import { isAllSeen, reportBlind } from "../ipam/common-options.ts";
import { plainJson } from "../plain-text.ts";
import { agentsReleaseCommand } from "./agents/release.ts";
import { agentsReportCommand } from "./agents/report.ts";
import { agentsWatchCommand } from "./agents/watch.ts";

/** `cnictl agents` */
export function agentsCommand(plugins: PluginRegistry): Command {
	const command = new Command("agents")
		.description(
			"Lists the agents of a cluster: which are alive or lost, what they hold, and when that is released. Its commands " +
				"keep the agents' signs of life, and release what agents hold that do not come back.",
		)
		.option("--json", "print JSON")
		.addHelpText("after", "\nExample:\n  cnictl agents")
		.action(list);
	for (const subcommand of [agentsWatchCommand(), agentsReportCommand(plugins), agentsReleaseCommand()]) {
		command.addCommand(subcommand.exitOverride());
	}
	return command;
}

async function list({ json = false }: { readonly json?: boolean }): Promise<void> {
	const { agents, blind } = await readAgents();
	if (json) writeStdout(plainJson({ agents: agents.map(agentToJson), notSeen: blind }));
	else if (isAllSeen(agents, blind)) writeStdout(agentsText(agents, Date.now()));
	reportBlind(blind);
}

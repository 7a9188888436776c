import { dirname } from "node:path";
import { Command } from "commander";
import type { PluginRegistry } from "../../cni/call.ts";
import { writeStdout } from "../../linux/stdio.ts";
import { formatTable } from "../format-table.ts";
import { type InstallStep, installSuite } from "../install/install-suite.ts";

/** `cnictl install DIR` */
export function installCommand(plugins: PluginRegistry): Command {
	return new Command("install")
		.description(
			"Puts this program, the executable of the plugins and a link for each plugin type into a directory. Safe while runtimes call plugins there: " +
				"each file is replaced in one step. Can be repeated.",
		)
		.argument("<dir>", "directory of CNI plugins; made if it is missing")
		.option("-f, --force", "replace plugins of other suites; each is kept beside as NAME.orig")
		.option(
			"--systemd [dir]",
			"also install units: the daemon of the plugin dhcp, and the services of `cnictl agents`; by default into /etc/systemd/system",
		)
		.option("--json", "print JSON")
		.addHelpText("after", "\nExample:\n  ./dist/bin/cnictl install /opt/cni/bin --systemd")
		.action(async (directory: string, { force, json, systemd }: Options) => {
			const steps = await installSuite(directory, {
				source: dirname(process.execPath),
				pluginTypes: plugins.types,
				force: force ?? false,
				unitDirectory: systemd === true ? "/etc/systemd/system" : systemd,
			});
			if (json) writeStdout(`${JSON.stringify({ directory, files: steps }, null, "\t")}\n`);
			else {
				writeStdout(formatTable([["FILE", "WHAT", "STATE"], ...steps.map(rowOf)]));
				if (systemd !== undefined) writeStdout(`\n${unitsHint}\n`);
			}
		});
}

interface Options {
	readonly force?: boolean;
	readonly json?: boolean;
	readonly systemd?: string | true;
}

const unitsHint = `After systemctl daemon-reload, systemctl enable --now starts what this host needs:
  cni-dhcp.service           the DHCP daemon
  cni-agents-report.service  the sign of life of an agent of a cluster
  cni-agents-watch.service   the watch over all agents of a cluster`;

function rowOf({ file, what, state, backup }: InstallStep): string[] {
	return [file, what, backup === undefined ? state : `${state}; the old one is kept as ${backup}`];
}

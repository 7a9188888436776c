import { Command } from "commander";
import type { PluginRegistry } from "../../cni/call.ts";
import { writeStdout } from "../../linux/stdio.ts";
import { configDirectoryOf } from "../attachment-command.ts";
import { formatTable } from "../format-table.ts";
import { type ListedNetwork, listNetworks } from "../networks/list-networks.ts";
import { findingToJson, formatFinding } from "../validate/format-finding.ts";

/** `cnictl networks` */
export function networksCommand(plugins: PluginRegistry): Command {
	return new Command("networks")
		.description(
			"Lists the networks of a directory in the order in which a runtime looks for them, and what is wrong with each file.",
		)
		.option("-d, --dir <directory>", "directory of configurations (default: $NETCONFPATH, else /etc/cni/net.d)")
		.option("--json", "print JSON")
		.addHelpText("after", "\nExample:\n  CNI_PATH=/opt/cni/bin cnictl networks --dir /etc/cni/net.d")
		.action(({ dir, json }: { dir?: string; json?: boolean }) =>
			run(dir ?? configDirectoryOf(process.env), { plugins, json: json ?? false }),
		);
}

async function run(directory: string, { plugins, json }: { plugins: PluginRegistry; json: boolean }): Promise<void> {
	const networks = await listNetworks(directory, { plugins, paths: process.env.CNI_PATH ?? "" });
	if (json) writeStdout(`${JSON.stringify({ directory, networks: networks.map(toJson) }, null, "\t")}\n`);
	else writeStdout(networks.length === 0 ? `no net configurations found in ${directory}\n` : tableOf(networks));
}

function toJson({ text, findings, ...network }: ListedNetwork): Record<string, unknown> {
	return { ...network, findings: findings.map((finding) => findingToJson(finding, text)) };
}

/** The table, and below it what is wrong; notes are for `validate`. */
function tableOf(networks: readonly ListedNetwork[]): string {
	const rows = networks.map(({ name, kind, cniVersion, plugins, capabilities, file, findings }) => [
		name || "-",
		kind,
		cniVersion || "-",
		plugins.join(",") || "-",
		capabilities.join(",") || "-",
		stateOf(findings),
		file,
	]);
	const table = formatTable([["NAME", "KIND", "VERSION", "PLUGINS", "CAPABILITIES", "STATE", "FILE"], ...rows]);
	const problems = networks.flatMap(({ file, text, findings }) =>
		findings
			.filter(({ severity }) => severity !== "note")
			.map((finding) => `${formatFinding(finding, { file, text })}\n`),
	);
	return problems.length === 0 ? table : `${table}\n${problems.join("")}`;
}

function stateOf(findings: ListedNetwork["findings"]): string {
	const errors = findings.filter(({ severity }) => severity === "error").length;
	const warnings = findings.filter(({ severity }) => severity === "warning").length;
	if (errors > 0) return errors === 1 ? "1 error" : `${errors} errors`;
	if (warnings > 0) return warnings === 1 ? "1 warning" : `${warnings} warnings`;
	return "ok";
}

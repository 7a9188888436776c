import { Command } from "commander";
import { createLog } from "../../cni/log.ts";
import { type Reloaded, reloadFirewall } from "../../firewall/reload.ts";
import { writeStderr, writeStdout } from "../../linux/stdio.ts";
import { formatTable } from "../format-table.ts";

/** `cnictl firewall reload` */
export function firewallCommand(): Command {
	const reload = new Command("reload")
		.description(
			"Puts back the rules of every attached container: after `nft flush ruleset`, or a reload of firewalld. " +
				"What belongs to containers that are gone is removed.",
		)
		.option("--json", "print JSON")
		.exitOverride()
		.action(({ json }: { json?: boolean }) => run(json ?? false));
	return new Command("firewall").description("Looks after the firewall rules of this host.").addCommand(reload);
}

async function run(json: boolean): Promise<void> {
	const fields = { plugin: "cnictl", command: "firewall reload" };
	const log = createLog({ path: process.env.CNI_SUITE_LOG, traceparent: undefined, fields, stderr: writeStderr });
	const reloaded = await log.step("reload", () => reloadFirewall(log));
	log.flush();
	writeStdout(json ? `${JSON.stringify({ reloaded: reloaded.map(toJson) }, null, "\t")}\n` : tableOf(reloaded));
	const failed = reloaded.filter(({ outcome }) => outcome === "failed");
	if (failed.length > 0) {
		throw new Error(failed.map(({ kind, name, problem }) => `${kind} ${name}: ${problem}`).join("\n"));
	}
}

function toJson({ attachment, ...rest }: Reloaded): Record<string, unknown> {
	return { ...rest, ...attachment };
}

function tableOf(reloaded: readonly Reloaded[]): string {
	if (reloaded.length === 0) return "Nothing is on record for this host\n";
	const rows = reloaded.map(({ kind, attachment, outcome, name }) => [
		outcome,
		kind,
		attachment?.network ?? "-",
		attachment?.containerId ?? name,
		attachment?.ifName ?? "-",
	]);
	return formatTable([["OUTCOME", "KIND", "NETWORK", "CONTAINER", "INTERFACE"], ...rows]);
}

import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { Command } from "commander";
import type { PluginRegistry } from "../../cni/call.ts";
import { CniError, ErrorCode } from "../../cni/error.ts";
import { errnoOf, errnoText } from "../../linux/errno.ts";
import { writeStdout } from "../../linux/stdio.ts";
import { findingToJson, formatFinding } from "../validate/format-finding.ts";
import type { ConfigKind } from "../validate/network-findings.ts";
import { validateNetwork } from "../validate/validate-network.ts";

/** `cnictl validate FILE...` */
export function validateCommand(plugins: PluginRegistry): Command {
	return new Command("validate")
		.description(
			"Names each unknown or wrong key of network configurations, with its place and the key that was probably meant. " +
				"Exits with 1 when there is an error; warnings and notes alone exit with 0.",
		)
		.argument("<file...>", ".conflist, .conf or .json")
		.option("--json", "print JSON")
		.addHelpText("after", "\nExample:\n  cnictl validate /etc/cni/net.d/10-mynet.conflist")
		.action((files: readonly string[], { json }: { json?: boolean }) => run(files, { plugins, json: json ?? false }));
}

/** @throws CniError when a file has errors */
async function run(
	files: readonly string[],
	{ plugins, json }: { plugins: PluginRegistry; json: boolean },
): Promise<void> {
	const reports = [];
	for (const file of files) {
		const text = read(file);
		reports.push({ file, text, ...(await validateNetwork(text, { kind: kindOf(file), plugins })) });
	}
	if (json) {
		const value = reports.map(({ file, text, findings }) => ({
			file,
			findings: findings.map((finding) => findingToJson(finding, text)),
		}));
		writeStdout(`${JSON.stringify(value, null, "\t")}\n`);
	} else {
		for (const { file, text, findings } of reports) {
			for (const finding of findings) writeStdout(`${formatFinding(finding, { file, text })}\n`);
			if (findings.length === 0) writeStdout(`${file}: ok\n`);
		}
	}
	const errors = reports.flatMap(({ findings }) => findings.filter(({ severity }) => severity === "error")).length;
	if (errors > 0) {
		throw new CniError(ErrorCode.invalidNetworkConfig, `${errors} ${errors === 1 ? "error" : "errors"} found`);
	}
}

/** A list is told by its extension, as runtimes tell it. */
function kindOf(file: string): ConfigKind {
	return extname(file) === ".conflist" ? "conflist" : "conf";
}

function read(file: string): string {
	try {
		return readFileSync(file, "utf8");
	} catch (thrown) {
		throw new CniError(ErrorCode.ioFailure, `Cannot read "${file}": ${errnoText(errnoOf(thrown))}`, { cause: thrown });
	}
}

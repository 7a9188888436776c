import { Command } from "commander";
import { CniError, ErrorCode, errorText } from "../../cni/error.ts";
import { findPlugin } from "../../cni/find-plugin.ts";
import { loadNetwork } from "../../cni/runtime/load-network.ts";
import type { Runtime } from "../../cni/runtime/runtime.ts";
import { supportedVersions } from "../../cni/runtime/supported-versions.ts";
import { typesOf } from "../../cni/runtime/types-of.ts";
import { unsetVersion } from "../../cni/version.ts";
import { writeStdout } from "../../linux/stdio.ts";
import { configDirectoryOf, runtimeOf } from "../attachment-command.ts";
import { formatTable } from "../format-table.ts";

/** `cnictl version NETWORK [NETNS]` */
export function versionCommand(): Command {
	return new Command("version")
		.description("Shows which versions of the specification each plugin of a network serves, IPAM included.")
		.argument("<network>", "name of a network in NETCONFPATH")
		.argument("[netns]", "not looked at; other commands take one here")
		.option("--json", "print JSON")
		.allowExcessArguments()
		.addHelpText("after", "\nExample:\n  CNI_PATH=/opt/cni/bin cnictl version mynet")
		.action((networkName: string, _netns: string | undefined, { json }: { json?: boolean }) =>
			run(networkName, json ?? false),
		);
}

interface PluginVersions {
	readonly type: string;
	readonly path: string;
	readonly supportedVersions: readonly string[];
	/** Whether it serves the network's version. */
	readonly serves: boolean;
	readonly error: string;
}

/** @throws CniError when a plugin does not serve the network's version */
function run(networkName: string, json: boolean): void {
	const runtime = runtimeOf(process.env);
	const network = loadNetwork(configDirectoryOf(process.env), networkName);
	const cniVersion = network.cniVersion === "" ? unsetVersion : network.cniVersion;
	const types = network.plugins.map(typesOf).flatMap(({ type, ipamType }) => [type, ipamType]);
	const plugins = [...new Set(types)].filter((type) => type !== "").map((type) => probe(runtime, { type, cniVersion }));

	if (json) writeStdout(`${JSON.stringify({ network: networkName, cniVersion, plugins }, null, "\t")}\n`);
	else writeStdout(tableOf({ networkName, cniVersion, plugins }));

	const failures = plugins.flatMap(({ type, serves, error }) => {
		if (serves) return [];
		return [error || `plugin ${type} does not support config version ${JSON.stringify(cniVersion)}`];
	});
	if (failures.length > 0) throw new CniError(ErrorCode.incompatibleVersion, failures.join("\n"));
}

function probe(runtime: Runtime, { type, cniVersion }: { type: string; cniVersion: string }): PluginVersions {
	let path = "";
	try {
		path = findPlugin(type, runtime.paths);
		const versions = supportedVersions(runtime, type);
		return { type, path, supportedVersions: versions, serves: versions.includes(cniVersion), error: "" };
	} catch (thrown) {
		return { type, path, supportedVersions: [], serves: false, error: `${type}: ${errorText(thrown)}` };
	}
}

function tableOf({
	networkName,
	cniVersion,
	plugins,
}: {
	networkName: string;
	cniVersion: string;
	plugins: readonly PluginVersions[];
}): string {
	const rows = plugins.map(({ type, path, supportedVersions: versions, serves }) => [
		type,
		serves ? "yes" : "no",
		versions.join(" ") || "-",
		path || "-",
	]);
	return `${networkName} has cniVersion ${cniVersion}\n${formatTable([["PLUGIN", "SERVES IT", "VERSIONS", "FILE"], ...rows])}`;
}

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { CniError, ErrorCode, messageOf } from "../../../cni/error.ts";
import { writeStderr } from "../../../linux/stdio.ts";
import { decodeDefaultDns } from "../../../mesos/isolator/default-dns.ts";
import { createIsolator, type Isolator } from "../../../mesos/isolator/isolator.ts";

/** Where tasks are kept; not Mesos's own directory, whose agent would take them for orphans. */
export const defaultRuntimeDirectory = "/run/cni-suite/mesos";

export interface AgentOptions {
	readonly runtimeDir: string;
	readonly configDir?: string;
	readonly pluginsDir?: string;
	readonly defaultContainerDns?: string;
}

export function addRuntimeOption(command: Command): Command {
	return command.option("--runtime-dir <directory>", "where tasks are kept", defaultRuntimeDirectory);
}

export function addPluginsOption(command: Command, byDefault: string): Command {
	return command.option("--plugins-dir <path>", `directories of the plugins, separated by ":" (default: ${byDefault})`);
}

/** The agent's flags, by their names less `network_cni_`. */
export function addAgentOptions(command: Command): Command {
	return addPluginsOption(addRuntimeOption(command), "$CNI_PATH")
		.option("--config-dir <directory>", "directory of the networks (default: $NETCONFPATH)")
		.option("--default-container-dns <json>", "DNS of networks whose plugins name no server: JSON, or a file of it");
}

/** An isolator as an agent with these flags would have it. @throws CniError */
export function isolatorOf({ runtimeDir, configDir, pluginsDir, defaultContainerDns }: AgentOptions): Isolator {
	requireBoth(configDir, pluginsDir);
	return createIsolator({
		runtimeDirectory: resolve(runtimeDir),
		configDirectory: configDir,
		pluginPath: pluginsDir,
		defaultDns: defaultContainerDns === undefined ? [] : decodeDefaultDns(parse(defaultContainerDns)),
		metrics: true,
		path: process.env.PATH,
		log: (line) => writeStderr(`${line}\n`),
	});
}

/** The isolator names the agent's flags, which nobody has given here. */
function requireBoth(configDir = "", pluginsDir = ""): void {
	if ((configDir === "") === (pluginsDir === "")) return;
	const [missing, option, variable] =
		configDir === "" ? ["networks", "--config-dir", "NETCONFPATH"] : ["plugins", "--plugins-dir", "CNI_PATH"];
	throw new CniError(ErrorCode.invalidEnvironment, `Cannot run tasks: nothing names the directory of the ${missing}`, {
		details: `Give ${option}, or set ${variable}. Without networks and plugins, tasks run on the host's network`,
	});
}

/** With what the environment says where the options do not. */
export function withEnvironment<Options extends AgentOptions>(options: Options): Options {
	const configDir = options.configDir ?? process.env.NETCONFPATH;
	const pluginsDir = options.pluginsDir ?? process.env.CNI_PATH;
	return {
		...options,
		...(configDir ? { configDir: resolve(configDir) } : {}),
		...(pluginsDir ? { pluginsDir } : {}),
	};
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text.trimStart().startsWith("{") ? text : readFileSync(text, "utf8"));
	} catch (thrown) {
		throw new CniError(ErrorCode.decodingFailure, `Cannot read "--default-container-dns": ${messageOf(thrown)}`);
	}
}

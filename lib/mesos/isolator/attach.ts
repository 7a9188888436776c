import { mkdirSync } from "node:fs";
import { CniError, ErrorCode } from "../../cni/error.ts";
import { formatContainerId } from "../container-id.ts";
import { writeCheckpoint } from "./checkpoint.ts";
import type { Container, ContainerNetwork } from "./container.ts";
import { findExecutable } from "./find-executable.ts";
import { containerPaths, interfacePaths, networkPaths } from "./layout.ts";
import { networkStdin } from "./network-stdin.ts";
import { parsePluginResult } from "./plugin-result.ts";
import { runPlugin } from "./run-plugin.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * Attaches a container to one of its networks, ADD, and keeps the answer in `network.result`. After a failure the
 * network is owed a DEL if `network.conf` is there.
 *
 * @throws CniError in the agent's words
 */
export async function attach(
	{ stateRoot, catalogue, pluginPath, path: searchPath }: Surroundings,
	{ container, network }: { container: Container; network: ContainerNetwork },
): Promise<void> {
	const id = formatContainerId(container.id);
	const paths = containerPaths(stateRoot, id);
	const { config } = networkPaths(paths, network.name);
	const files = interfacePaths(networkPaths(paths, network.name), network.ifName);
	const found = catalogue.find(network.name);
	const stdin = networkStdin(found, network.info);

	mkdirSync(files.directory, { recursive: true });
	writeCheckpoint(config, stdin);
	const plugin = findExecutable(found.type, pluginPath);
	if (plugin === undefined) {
		throw new CniError(
			ErrorCode.internal,
			`Unable to find the plugin ${found.type} required to attach ${id} to network '${network.name}'`,
		);
	}
	const { succeeded, stdout, stderr } = await runPlugin({
		path: plugin,
		environment: {
			CNI_COMMAND: "ADD",
			CNI_CONTAINERID: id,
			CNI_IFNAME: network.ifName,
			CNI_NETNS: paths.namespace,
			CNI_PATH: pluginPath,
			PATH: searchPath,
		},
		stdinPath: config,
	});
	if (!succeeded) {
		throw new CniError(
			ErrorCode.internal,
			`The CNI plugin '${plugin}' failed to attach container ${id} to CNI network '${network.name}': ` +
				`stdout='${stdout}', stderr='${stderr}'`,
		);
	}
	network.result = parsePluginResult(stdout, plugin);
	writeCheckpoint(files.result, stdout);
}

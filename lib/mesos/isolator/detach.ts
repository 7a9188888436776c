import { statSync } from "node:fs";
import { CniError, ErrorCode, messageOf } from "../../cni/error.ts";
import { given } from "../../cni/given.ts";
import { formatContainerId } from "../container-id.ts";
import { readCheckpoint, removeTree } from "./checkpoint.ts";
import type { Container, ContainerNetwork } from "./container.ts";
import { findExecutable } from "./find-executable.ts";
import { containerPaths, interfacePaths, networkPaths } from "./layout.ts";
import { isNamespaceHandle } from "./namespace-handle.ts";
import { isObject } from "./network-config.ts";
import { runPlugin } from "./run-plugin.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * Detaches a container from one of its networks, DEL, with what ADD was given; the file of the network may be gone since.
 * Nothing is done for a network that was never attached, or was detached already.
 *
 * @throws CniError in the agent's words; everything is kept then, so that it can be tried again
 */
export async function detach(
	{ stateRoot, pluginPath, path: searchPath }: Surroundings,
	{ container, network }: { container: Container; network: ContainerNetwork },
): Promise<void> {
	const id = formatContainerId(container.id);
	const paths = containerPaths(stateRoot, id);
	const { config } = networkPaths(paths, network.name);
	const { directory } = interfacePaths(networkPaths(paths, network.name), network.ifName);
	const checkpoint = readCheckpoint(config);
	if (checkpoint === undefined || statSync(directory, { throwIfNoEntry: false }) === undefined) return;

	const type = typeOf(checkpoint, network.name);
	const plugin = findExecutable(type, pluginPath);
	if (plugin === undefined) {
		throw new CniError(
			ErrorCode.internal,
			`Unable to find the plugin ${type} required to detach ${id} to network '${network.name}'`,
		);
	}
	const { succeeded, stdout, stderr } = await runPlugin({
		path: plugin,
		environment: {
			CNI_COMMAND: "DEL",
			CNI_CONTAINERID: id,
			CNI_IFNAME: network.ifName,
			...given("CNI_NETNS", isNamespaceHandle(paths.namespace) ? paths.namespace : undefined),
			CNI_PATH: pluginPath,
			PATH: searchPath,
		},
		stdinPath: config,
	});
	if (!succeeded) {
		throw new CniError(
			ErrorCode.internal,
			`The CNI plugin '${plugin}' failed to detach container ${id} from CNI network '${network.name}': ` +
				`stdout='${stdout}', stderr='${stderr}'`,
		);
	}
	removeTree(directory);
}

function typeOf(checkpoint: string, network: string): string {
	let problem = "it names no type";
	try {
		const document: unknown = JSON.parse(checkpoint);
		if (isObject(document) && typeof document.type === "string") return document.type;
	} catch (thrown) {
		problem = messageOf(thrown);
	}
	throw new CniError(
		ErrorCode.decodingFailure,
		`Could not find the CNI plugin to use for network '${network}': its checkpoint cannot be used: ${problem}`,
	);
}

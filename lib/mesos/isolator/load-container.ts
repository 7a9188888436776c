import { type Dirent, readdirSync } from "node:fs";
import { CniError, ErrorCode, messageOf } from "../../cni/error.ts";
import { Errno, errnoOf } from "../../linux/errno.ts";
import { type ContainerId, formatContainerId, parseContainerId } from "../container-id.ts";
import { mesosKey } from "../network-info.ts";
import { decodeNetworkInfo, type NetworkInfoMessage } from "../network-info-message.ts";
import { readCheckpoint } from "./checkpoint.ts";
import type { Container, ContainerNetwork } from "./container.ts";
import { type ContainerPaths, containerPaths, interfacePaths, networkPaths } from "./layout.ts";
import { isObject } from "./network-config.ts";
import { parsePluginResult } from "./plugin-result.ts";

/** The containers that have a directory in the state root; those whose parent has one come first. */
export function listContainers(stateRoot: string): readonly ContainerId[] {
	return directoriesIn(stateRoot)
		.sort()
		.flatMap((name) => {
			try {
				return [parseContainerId(name)];
			} catch {
				return [];
			}
		});
}

/**
 * What is kept of a container; undefined when it has no directory. Networks from which it was detached already are left
 * out, so that there may be none.
 *
 * @param log told of what is missing
 * @throws CniError when what is kept cannot be read
 */
export function loadContainer(
	stateRoot: string,
	{ id, log }: { id: ContainerId; log: (line: string) => void },
): Container | undefined {
	const paths = containerPaths(stateRoot, formatContainerId(id));
	if (!directoriesIn(stateRoot).includes(formatContainerId(id))) return undefined;
	const networks = directoriesIn(paths.directory).flatMap((name) => loadNetwork(paths, { name, log }));
	return { id, networks: networks.sort((a, b) => (a.ifName < b.ifName ? -1 : 1)) };
}

function loadNetwork(
	container: ContainerPaths,
	{ name, log }: { name: string; log: (line: string) => void },
): ContainerNetwork[] {
	const paths = networkPaths(container, name);
	const [ifName, ...others] = directoriesIn(paths.directory);
	if (ifName === undefined) return [];
	if (others.length > 0) {
		throw unreadable(`More than one interfaces detected for network '${name}' in '${paths.directory}'`);
	}
	const { result: path } = interfacePaths(paths, ifName);
	const output = readCheckpoint(path);
	if (output === undefined) log(`There is no '${path}': the container is not known to have been attached`);
	return [
		{
			name,
			ifName,
			info: requestIn(paths.config, name),
			result: output === undefined ? undefined : parsePluginResult(output, path),
		},
	];
}

/** What the framework had asked for, which is kept in what the plugin is given. */
function requestIn(path: string, name: string): NetworkInfoMessage {
	const text = readCheckpoint(path);
	if (text === undefined) return { name };
	try {
		const document: unknown = JSON.parse(text);
		const args = isObject(document) ? document.args : undefined;
		const mesos = isObject(args) ? args[mesosKey] : undefined;
		return decodeNetworkInfo(isObject(mesos) ? mesos.network_info : { name }, "network_info");
	} catch (thrown) {
		throw unreadable(`Failed to read '${path}': ${messageOf(thrown)}`);
	}
}

function directoriesIn(directory: string): string[] {
	let entries: Dirent[];
	try {
		entries = readdirSync(directory, { withFileTypes: true });
	} catch (thrown) {
		if (errnoOf(thrown) === Errno.ENOENT) return [];
		throw thrown;
	}
	return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

function unreadable(message: string): CniError {
	return new CniError(ErrorCode.decodingFailure, message);
}

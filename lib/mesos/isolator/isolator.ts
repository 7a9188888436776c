import { mkdirSync, statSync } from "node:fs";
import { CniError, ErrorCode, messageOf } from "../../cni/error.ts";
import { given } from "../../cni/given.ts";
import { type ContainerId, formatContainerId, rootOf } from "../container-id.ts";
import type { NetworkInfoMessage } from "../network-info-message.ts";
import { allOf } from "./all-of.ts";
import { attach } from "./attach.ts";
import { removeTree } from "./checkpoint.ts";
import type { Container } from "./container.ts";
import { detach } from "./detach.ts";
import { type EtcFiles, hostEtcFiles, sharedEtcFiles, writeEtcFiles } from "./etc-files.ts";
import { containerPaths } from "./layout.ts";
import { listContainers, loadContainer } from "./load-container.ts";
import { bindNamespace, makeStateRoot, unbindNamespace } from "./namespace-handle.ts";
import { createNetworkCatalogue } from "./network-catalogue.ts";
import { prepareContainer } from "./prepare.ts";
import type { DefaultDns } from "./resolver.ts";
import { type ContainerStatus, networkInfosOf } from "./status.ts";
import type { Surroundings } from "./surroundings.ts";
import { type NetworkStatistics, readUsage } from "./usage.ts";

/**
 * Does what the `network/cni` isolator of a Mesos agent does, in the same calls. The one who uses it is the agent: it
 * starts the processes of containers, and sees to it that they have ended before `cleanup`.
 */
export interface Isolator {
	readonly stateRoot: string;

	/** Decides what a container needs before its first process is started. @throws CniError in the agent's words */
	prepare(id: ContainerId, networkInfos: readonly NetworkInfoMessage[]): Preparation;

	/**
	 * Attaches a prepared container to all its networks at once. When it fails, the container is to be cleaned up.
	 *
	 * @returns the files that take the place of those in its /etc; undefined where nothing was to be done
	 */
	isolate(id: ContainerId, process: ContainerProcess): Promise<EtcFiles | undefined>;

	/** A nested container without networks of its own is on those of the outermost. */
	status(id: ContainerId): ContainerStatus;

	/** Undefined for a container that is on the host's network, or that nobody knows. */
	usage(id: ContainerId): NetworkStatistics | undefined;

	/**
	 * Detaches a container from all its networks at once, and forgets it. When a network fails, everything that tells of
	 * it is kept, and the cleanup can be repeated. A container that is not known has nothing to clean up.
	 */
	cleanup(id: ContainerId): Promise<void>;

	/**
	 * Learns of a container that an earlier agent has prepared.
	 *
	 * @returns whether anything is kept of it
	 * @throws CniError when that cannot be read
	 */
	adopt(id: ContainerId): boolean;

	/**
	 * Learns of all containers that an earlier agent has left: those that are known live on, all others are cleaned up.
	 * A failure keeps none of the others from it.
	 */
	recover(isKnown: (id: ContainerId) => boolean): Promise<Recovery>;
}

/** Whether the container gets network and UTS namespaces of its own, and what its environment gets beside. */
export interface Preparation {
	readonly ownNetwork: boolean;
	readonly environment: Readonly<Record<string, string>>;
}

/** The first process of a container. */
export interface ContainerProcess {
	readonly pid: number;
	/** Of a container on networks of its own. */
	readonly hostname: string;
	/** Whether its root directory is another than the host's: an image, for an agent. */
	readonly ownRoot: boolean;
}

export interface Recovery {
	readonly recovered: readonly ContainerId[];
	readonly removed: readonly ContainerId[];
	readonly failed: readonly { readonly id: ContainerId; readonly error: unknown }[];
}

/** The agent's flags that concern the isolator. */
export interface IsolatorFlags {
	/** `--runtime_dir`, or with `--network_cni_root_dir_persist` `--work_dir`. */
	readonly runtimeDirectory: string;
	/** `--network_cni_config_dir`; without both, containers join no network by name. */
	readonly configDirectory: string | undefined;
	/** `--network_cni_plugins_dir` */
	readonly pluginPath: string | undefined;
	/** `--default_container_dns` */
	readonly defaultDns: readonly DefaultDns[];
	/** `--network_cni_metrics` */
	readonly metrics: boolean;
	/** PATH of the agent. */
	readonly path: string | undefined;
	readonly log: (line: string) => void;
}

/** Below the agent's directory. */
export const stateRootName = "isolators/network/cni";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** @throws CniError in the agent's words when it could not be started with these flags */
export function createIsolator(flags: IsolatorFlags): Isolator {
	const { pluginPath = "", path = defaultPath, defaultDns, metrics, log } = flags;
	const place = placeOf(flags);
	const stateRoot = makeStateRoot(`${flags.runtimeDirectory}/${stateRootName}`);
	const catalogue = createNetworkCatalogue(place);
	return isolatorIn({ stateRoot, catalogue, pluginPath, path, defaultDns, log }, { metrics });
}

/** One that only adopts and cleans up, for which no configuration is needed. */
export function createCleaningIsolator(
	flags: Pick<IsolatorFlags, "runtimeDirectory" | "pluginPath" | "path" | "log">,
): Isolator {
	const { pluginPath = "", path = defaultPath, log } = flags;
	const stateRoot = makeStateRoot(`${flags.runtimeDirectory}/${stateRootName}`);
	const catalogue = createNetworkCatalogue(undefined);
	return isolatorIn({ stateRoot, catalogue, pluginPath, path, defaultDns: [], log }, { metrics: false });
}

function placeOf({ configDirectory = "", pluginPath = "", log }: IsolatorFlags) {
	if (process.getuid?.() !== 0) throw unusable("The 'network/cni' isolator requires root permissions");
	if (configDirectory === "" && pluginPath === "") return undefined;
	if (pluginPath === "") throw unusable("Missing required '--network_cni_plugins_dir' flag");
	if (configDirectory === "") throw unusable("Missing required '--network_cni_config_dir' flag");
	if (statSync(configDirectory, { throwIfNoEntry: false }) === undefined) {
		throw unusable(`The CNI network configuration directory '${configDirectory}' does not exist`);
	}
	return { configDirectory, pluginPath, log };
}

function isolatorIn(surroundings: Surroundings, { metrics }: { metrics: boolean }): Isolator {
	const { stateRoot, catalogue, log } = surroundings;
	const containers = new Map<string, Container>();
	const pathsOf = (id: ContainerId) => containerPaths(stateRoot, formatContainerId(id));

	const isolator: Isolator = {
		stateRoot,

		prepare(id, networkInfos) {
			const text = formatContainerId(id);
			if (containers.has(text)) throw unusable(`Container '${text}' has already been prepared`);
			const container = prepareContainer(id, { networkInfos, catalogue });
			if (container === undefined) return { ownNetwork: false, environment: {} };
			containers.set(text, container);
			return { ownNetwork: true, environment: { LIBPROCESS_IP: "0.0.0.0" } };
		},

		async isolate(id, { pid, hostname, ownRoot }) {
			const container = containers.get(formatContainerId(id));
			if (container === undefined) {
				if (containers.has(formatContainerId(rootOf(id)))) return sharedEtcFiles(pathsOf(rootOf(id)));
				return ownRoot ? hostEtcFiles() : undefined;
			}
			const paths = pathsOf(id);
			mkdirSync(paths.directory);
			bindNamespace(paths.namespace, pid);
			await allOf(container.networks, (network) => attach(surroundings, { container, network }));
			return writeEtcFiles(paths, { container, hostname, defaultDns: surroundings.defaultDns });
		},

		status(id) {
			const container = containers.get(formatContainerId(id));
			const networkInfos = container === undefined ? [] : networkInfosOf(container);
			if (container === undefined && id.parent !== undefined) {
				return { ...isolator.status(id.parent), container_id: id };
			}
			return { container_id: id, ...given("network_infos", networkInfos.length === 0 ? undefined : networkInfos) };
		},

		usage(id) {
			const container = containers.get(formatContainerId(id));
			return container === undefined || !metrics ? undefined : readUsage(stateRoot, container);
		},

		async cleanup(id) {
			const container = containers.get(formatContainerId(id));
			if (container === undefined) return;
			const paths = pathsOf(id);
			await allOf(container.networks, (network) => detach(surroundings, { container, network }));
			unbindNamespace(paths.namespace);
			removeTree(paths.directory);
			containers.delete(formatContainerId(id));
		},

		adopt(id) {
			const container = loadContainer(stateRoot, { id, log });
			if (container !== undefined) containers.set(formatContainerId(id), container);
			return container !== undefined;
		},

		async recover(isKnown) {
			const recovered: ContainerId[] = [];
			const removed: ContainerId[] = [];
			const failed: { id: ContainerId; error: unknown }[] = [];
			const recoverOne = async (id: ContainerId) => {
				if (!isolator.adopt(id)) return;
				const known = isKnown(id);
				if (!known) await isolator.cleanup(id);
				(known ? recovered : removed).push(id);
			};
			await Promise.all(
				listContainers(stateRoot).map((id) =>
					recoverOne(id).catch((error: unknown) => {
						log(`Failed to recover container '${formatContainerId(id)}': ${messageOf(error)}`);
						failed.push({ id, error });
					}),
				),
			);
			return { recovered, removed, failed };
		},
	};
	return isolator;
}

function unusable(message: string): CniError {
	return new CniError(ErrorCode.invalidEnvironment, message);
}

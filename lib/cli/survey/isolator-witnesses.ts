import { parsePrefix } from "../../ip/address.ts";
import { unlessAbsent } from "../../linux/absent.ts";
import { stat } from "../../linux/files.ts";
import { formatContainerId } from "../../mesos/container-id.ts";
import { containerPaths } from "../../mesos/isolator/layout.ts";
import { listContainers, loadContainer } from "../../mesos/isolator/load-container.ts";
import type { StatePlaces } from "./state-places.ts";
import type { Witness } from "./witness.ts";

/** What agents of Mesos, and `cnictl task`, keep of their containers. */
export function isolatorWitnesses({ isolatorRoots }: StatePlaces): readonly Witness[] {
	return isolatorRoots.flatMap((root) => listContainers(root).flatMap((id) => witnessesOf(root, id)));
}

function witnessesOf(root: string, id: Parameters<typeof formatContainerId>[0]): readonly Witness[] {
	const containerId = formatContainerId(id);
	const { namespace: path, directory } = containerPaths(root, containerId);
	const since = unlessAbsent(() => Number(stat(directory).mtimeNs / 1_000_000n));
	try {
		const networks = loadContainer(root, { id, log() {} })?.networks ?? [];
		return networks.map(({ name, ifName, result }) => ({
			attachment: { network: name, containerId, ifName },
			source: "the isolator's checkpoint",
			sandbox: { path, namespace: "" },
			addresses: [result?.ip4, result?.ip6].flatMap((entry) =>
				entry === undefined ? [] : (parsePrefix(entry.ip)?.address ?? []),
			),
			since,
		}));
	} catch {
		// What cannot be read tells of nobody, and is the agent's affair.
		return [];
	}
}

import { CniError, ErrorCode } from "../../cni/error.ts";
import type { ContainerId } from "../container-id.ts";
import type { NetworkInfoMessage } from "../network-info-message.ts";
import type { Container, ContainerNetwork } from "./container.ts";
import type { NetworkCatalogue } from "./network-catalogue.ts";

/**
 * Decides which networks a container joins: those that have a name, as eth0, eth1, … in this order.
 *
 * @returns undefined when there is none: the container stays on the network of its parent, or of the host
 * @throws CniError in the agent's words for a network that is unknown or named twice
 */
export function prepareContainer(
	id: ContainerId,
	{ networkInfos, catalogue }: { networkInfos: readonly NetworkInfoMessage[]; catalogue: NetworkCatalogue },
): Container | undefined {
	const networks: ContainerNetwork[] = [];
	for (const info of networkInfos) {
		const { name } = info;
		if (name === undefined) continue;
		catalogue.find(name);
		if (networks.some((other) => other.name === name)) {
			throw new CniError(ErrorCode.invalidNetworkConfig, `Attempted to join CNI network '${name}' multiple times`);
		}
		networks.push({ name, ifName: `eth${networks.length}`, info, result: undefined });
	}
	return networks.length === 0 ? undefined : { id, networks };
}

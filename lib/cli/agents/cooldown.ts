import { defaultCooldownMs } from "../../cluster/settings.ts";
import type { Cluster } from "../ipam/clusters.ts";

/** How long addresses of a network rest: as its configuration on this host says, if it has one. */
export function cooldownIn({ networks }: Cluster): (network: string) => number {
	return (name) => networks.find((network) => network.name === name)?.place.cooldownMs ?? defaultCooldownMs;
}

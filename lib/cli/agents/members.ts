import { type Cluster, clustersOf } from "../ipam/clusters.ts";
import type { ClusterNetwork, IpamNetwork } from "../ipam/networks.ts";

/** This host as an agent of a cluster; it may be several, under names of their own. */
export interface Member {
	readonly agent: string;
	readonly cluster: Cluster;
	/** Those of the cluster's networks that have it under this name. */
	readonly networks: readonly ClusterNetwork[];
}

export function membersOf(networks: readonly IpamNetwork[]): readonly Member[] {
	return clustersOf(networks).flatMap((cluster) => {
		const byName = Map.groupBy(cluster.networks, ({ place }) => place.agent);
		return [...byName].map(([agent, own]) => ({
			agent,
			cluster: { ...cluster, via: own[0] ?? cluster.via },
			networks: own,
		}));
	});
}

export function memberKey({ agent, cluster }: Member): string {
	return JSON.stringify([cluster.endpoints, cluster.prefix, agent]);
}

import type { ClusterNetwork, IpamNetwork } from "./networks.ts";

/** An etcd, and the prefix below which a cluster's reservations are, as one of its networks names them. */
export interface Cluster {
	readonly endpoints: readonly string[];
	readonly prefix: string;
	/** By which it is reached. */
	readonly via: ClusterNetwork;
	/** All that are configured here. */
	readonly networks: readonly ClusterNetwork[];
}

/** Those that the networks of this host belong to. */
export function clustersOf(networks: readonly IpamNetwork[]): readonly Cluster[] {
	const cluster = networks.flatMap((network) => (network.type === "cluster" ? [network] : []));
	const groups = Map.groupBy(cluster, ({ config, place }) => JSON.stringify([config.ipam?.endpoints, place.prefix]));
	return [...groups.values()].flatMap((members) => {
		const [via] = members;
		if (via === undefined) return [];
		return [{ endpoints: via.config.ipam?.endpoints ?? [], prefix: via.place.prefix, via, networks: members }];
	});
}

import { CniError, ErrorCode } from "../../cni/error.ts";
import type { Cluster } from "../ipam/clusters.ts";
import { findClusters } from "./read-agents.ts";

/** For a service that has nothing to do without one. @throws CniError */
export function requireClusters(what: string, log: (text: string) => void): readonly Cluster[] {
	const { clusters, blind } = findClusters();
	for (const why of blind) log(`not seen: ${why}`);
	if (clusters.length > 0) return clusters;
	throw new CniError(
		ErrorCode.invalidNetworkConfig,
		`Cannot ${what}: no network of this host takes its addresses from a cluster`,
		{ details: 'NETCONFPATH names a directory with the configuration of one ("ipam.type": "cluster")' },
	);
}

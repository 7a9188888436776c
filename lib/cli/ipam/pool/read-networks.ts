import { CniError, ErrorCode, errorText } from "../../../cni/error.ts";
import { countPools, type PoolCount } from "../../../ipam/etcd-store/pools.ts";
import { clusterGateway } from "../cluster-gateway.ts";
import { type Cluster, clustersOf } from "../clusters.ts";
import { blindDetails, inWhatWasSeen } from "../common-options.ts";
import type { ClusterNetwork } from "../networks.ts";
import { chooseNetworks, type PlanQuery } from "../read-plans.ts";

/** A network of which etcd has anything, or that is configured here. */
export interface StoredNetwork extends PoolCount {
	readonly cluster: Cluster;
	/** Undefined where it is not configured here. */
	readonly configured: ClusterNetwork | undefined;
}

/** Those of all clusters that networks here belong to, and what could not be looked at. */
export async function readNetworks(
	query: PlanQuery,
): Promise<{ readonly networks: readonly StoredNetwork[]; readonly blind: readonly string[] }> {
	const { networks, blind: before } = chooseNetworks(query);
	const blind = [...before];
	const stored: StoredNetwork[] = [];
	for (const cluster of clustersOf(networks)) {
		try {
			const counts = await countPools(clusterGateway(cluster.via), cluster.prefix);
			const unused = cluster.networks
				.filter(({ name }) => !counts.some(({ network }) => network === name))
				.map(({ name: network }) => ({ network, held: 0, resting: 0, blocks: 0, added: [] }));
			for (const count of [...counts, ...unused]) {
				const configured = cluster.networks.find(({ name }) => name === count.network);
				stored.push({ ...count, cluster, configured });
			}
		} catch (thrown) {
			blind.push(`the cluster of network "${cluster.via.name}": ${errorText(thrown)}`);
		}
	}
	return { networks: stored, blind };
}

/**
 * The one of this name.
 *
 * @param options.task what cannot be done otherwise: `remove pool "mynet"`
 * @throws CniError code 7
 */
export function requireNetwork(
	{ networks, blind }: { readonly networks: readonly StoredNetwork[]; readonly blind: readonly string[] },
	{ name, task }: { readonly name: string; readonly task: string },
): StoredNetwork {
	const [found, other] = networks.filter(({ network }) => network === name);
	if (found !== undefined && other === undefined) return found;
	const [cause, help] =
		found === undefined
			? [`etcd has nothing of it${inWhatWasSeen(blind)}`, "Clusters are found by the networks in NETCONFPATH"]
			: [
					"several clusters have a network of this name",
					"Let NETCONFPATH name a directory with configurations of one of them",
				];
	throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot ${task}: ${cause}`, {
		details: [help, ...blindDetails(blind)].join(". "),
	});
}

import { readOverview } from "../../cluster/agents/overview.ts";
import { errorText } from "../../cni/error.ts";
import { configDirectoryOf } from "../attachment-command.ts";
import { clusterGateway } from "../ipam/cluster-gateway.ts";
import { type Cluster, clustersOf } from "../ipam/clusters.ts";
import { openProgress } from "../ipam/progress.ts";
import { chooseNetworks } from "../ipam/read-plans.ts";
import type { ListedAgent } from "./agents-text.ts";

/** An agent, and the way to its cluster. */
export interface FoundAgent extends ListedAgent {
	readonly cluster: Cluster;
}

/** The clusters that the networks of this host belong to. */
export function findClusters(): { readonly clusters: readonly Cluster[]; readonly blind: readonly string[] } {
	const query = { configDirectory: configDirectoryOf(process.env), dataDirs: [], networks: [] };
	const { networks, blind } = chooseNetworks(query);
	return { clusters: clustersOf(networks), blind };
}

/** Every agent of every cluster of this host, and what could not be looked at. */
export async function readAgents(): Promise<{
	readonly agents: readonly FoundAgent[];
	readonly blind: readonly string[];
}> {
	const { clusters, blind: before } = findClusters();
	const blind = [...before];
	const agents: FoundAgent[] = [];
	using progress = openProgress();
	for (const cluster of clusters) {
		try {
			const found = await readOverview(clusterGateway(cluster.via), cluster.prefix, (network, done, all) =>
				progress(`reading "${network}"`, { done, all }),
			);
			agents.push(...found.map((each) => ({ ...each, cluster })));
		} catch (thrown) {
			blind.push(`the cluster of network "${cluster.via.name}": ${errorText(thrown)}`);
		}
	}
	return { agents, blind };
}

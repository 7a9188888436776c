import { layoutOf } from "../../../ipam/etcd-store/layout.ts";
import { readNetwork } from "../../../ipam/etcd-store/read-network.ts";
import type { Finding, FindingKind } from "../../doctor/finding.ts";
import { clusterGateway } from "../cluster-gateway.ts";
import type { ClusterNetwork } from "../networks.ts";
import type { Progress } from "../progress.ts";
import { blockFindings } from "./block-findings.ts";
import { deadOwners } from "./dead-owners.ts";
import { foreignKeys } from "./foreign-keys.ts";
import { ownerFindings } from "./owner-findings.ts";

/** What may be wrong with a network in etcd. All is read at one revision: what changes together is seen together. */
export function clusterKind(network: ClusterNetwork, progress: Progress): FindingKind {
	const { prefix } = network.place;
	return {
		name: "cluster",
		async find(look): Promise<readonly Finding[]> {
			const gateway = clusterGateway(network);
			const keys = await readNetwork(gateway, { prefix, network: network.name }, (done, all) =>
				progress(`reading "${network.name}"`, { done, all }),
			);
			const given = { network, place: { gateway, layout: layoutOf(prefix, network.name) }, keys, look };
			return [...ownerFindings(given), ...deadOwners(given), ...blockFindings(given), ...foreignKeys(given)];
		},
	};
}

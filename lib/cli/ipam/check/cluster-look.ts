import type { NetworkKeys } from "../../../ipam/etcd-store/read-network.ts";
import type { Place } from "../../../ipam/etcd-store/repair.ts";
import type { Look } from "../../doctor/finding.ts";
import type { ClusterNetwork } from "../networks.ts";

/** What findings about a network in etcd are made from. */
export interface ClusterLook {
	readonly network: ClusterNetwork;
	readonly place: Place;
	readonly keys: NetworkKeys;
	readonly look: Look;
}

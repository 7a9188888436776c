import type { EtcdStoreOptions } from "../../ipam/etcd-store/options.ts";
import { openLocked, tryLockFile } from "../../linux/file-lock.ts";
import { clusterGateway } from "./cluster-gateway.ts";
import type { ClusterNetwork } from "./networks.ts";

/** The store of this agent, as the plugin opens it. */
export function storeOptions(network: ClusterNetwork): EtcdStoreOptions {
	const { name, place } = network;
	return {
		...place,
		network: name,
		gateway: clusterGateway(network),
		directory: `${place.dataDir}/${name}`,
		lock: openLocked,
		tryLock: tryLockFile,
		postponed: () => {},
	};
}

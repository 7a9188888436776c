import { type ClusterConfig, clusterSchema } from "../../../lib/cluster/config.ts";
import { gatewayOf } from "../../../lib/cluster/gateway-of.ts";
import { connectionOf, defaultDataDir, placeOf, tlsFilesOf, validateBlocks } from "../../../lib/cluster/settings.ts";
import { CniError, ErrorCode, toCniError } from "../../../lib/cni/error.ts";
import type { NetworkRequest, Plugin } from "../../../lib/cni/plugin.ts";
import { EtcdError } from "../../../lib/etcd/error.ts";
import type { Gateway } from "../../../lib/etcd/gateway.ts";
import { openPost } from "../../../lib/etcd/open-post.ts";
import type { Post } from "../../../lib/etcd/post.ts";
import { createEtcdStore } from "../../../lib/ipam/etcd-store/etcd-store.ts";
import type { Eventually, IpamStore } from "../../../lib/ipam/store.ts";
import { openLocked, tryLockFile } from "../../../lib/linux/file-lock.ts";
import { explained } from "../../../lib/range-ipam/data-dir.ts";
import { rangeIpam } from "../../../lib/range-ipam/range-ipam.ts";

const plugin = rangeIpam({ type: "cluster", schema: clusterSchema, defaultDataDir, withStore, validate });

/** Hands out addresses that are unique among all agents of a cluster, and keeps who holds which in etcd. */
export const cluster: Plugin<ClusterConfig> = {
	...plugin,
	async status(request) {
		try {
			await plugin.status(request);
		} catch (thrown) {
			const { code, message, details } = toCniError(thrown);
			if (code !== ErrorCode.tryAgainLater) throw thrown;
			throw new CniError(ErrorCode.pluginNotAvailable, message, { details, cause: thrown });
		}
	},
};

function validate(config: ClusterConfig): void {
	validateBlocks(placeOf(config).blockLengths);
	connectionOf(config);
	tlsFilesOf(config);
}

/** @throws CniError code 11 when etcd is away, 7 when it refuses, 5 when the file system does */
async function withStore<T>(
	{ config, network, log }: NetworkRequest<ClusterConfig>,
	work: (store: IpamStore) => Eventually<T>,
): Promise<T> {
	const { dataDir, ...place } = placeOf(config);
	const directory = `${dataDir}/${network}`;
	using post = openPost(tlsFilesOf(config));
	try {
		const store = createEtcdStore({
			...place,
			network,
			gateway: openGateway({ config, post, directory }),
			directory,
			lock: openLocked,
			tryLock: tryLockFile,
			postponed: ({ containerId, ifName }, { message }) =>
				log.warn(
					`Cannot release what interface "${ifName}" of container "${containerId}" holds: ${message}. It is noted in "${directory}/journal", and done by a later call`,
				),
		});
		return await work(store);
	} catch (thrown) {
		if (!(thrown instanceof EtcdError)) throw explained(dataDir, { code: ErrorCode.ioFailure, thrown });
		const code = thrown.kind === "away" ? ErrorCode.tryAgainLater : ErrorCode.invalidNetworkConfig;
		throw new CniError(code, thrown.message, { details: thrown.details, cause: thrown });
	}
}

/** DEL works with any configuration: where etcd cannot be reached by it, that is what the store is told. */
function openGateway({ config, post, directory }: { config: ClusterConfig; post: Post; directory: string }): Gateway {
	try {
		return gatewayOf(config, { post, directory });
	} catch (thrown) {
		const { message, details } = toCniError(thrown);
		return {
			deadline: performance.now(),
			call: () => Promise.reject(new EtcdError(message, { kind: "refused", details })),
		};
	}
}

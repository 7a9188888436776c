import { gatewayOf } from "../../cluster/gateway-of.ts";
import { tlsFilesOf } from "../../cluster/settings.ts";
import { CniError, ErrorCode } from "../../cni/error.ts";
import { EtcdError } from "../../etcd/error.ts";
import type { Gateway } from "../../etcd/gateway.ts";
import { openPost } from "../../etcd/open-post.ts";
import type { ClusterNetwork } from "./networks.ts";

/**
 * etcd as the network's configuration names it. The timeout of the configuration is that of each request here, as what an
 * operator asks for may take many.
 *
 * @throws CniError code 7, of a call code 11 when etcd is away, and 7 when it refuses
 */
export function clusterGateway({ name, config, place }: ClusterNetwork): Gateway {
	const post = openPost(tlsFilesOf(config));
	const open = () => gatewayOf(config, { post, directory: `${place.dataDir}/${name}` });
	// What is wrong with the configuration is said at once.
	open();
	return {
		get deadline() {
			return open().deadline;
		},
		async call(path, body) {
			try {
				return await open().call(path, body);
			} catch (thrown) {
				if (!(thrown instanceof EtcdError)) throw thrown;
				const code = thrown.kind === "away" ? ErrorCode.tryAgainLater : ErrorCode.invalidNetworkConfig;
				throw new CniError(code, thrown.message, { details: thrown.details, cause: thrown });
			}
		},
	};
}

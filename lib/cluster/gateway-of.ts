import { createGateway, type Gateway } from "../etcd/gateway.ts";
import type { Post } from "../etcd/post.ts";
import { readSecret } from "../etcd/secret.ts";
import { tokenFile } from "../etcd/token-file.ts";
import type { ClusterConfig } from "./config.ts";
import { connectionOf } from "./settings.ts";

/**
 * etcd as the configuration names it.
 *
 * @param options.directory for the token of a login
 * @throws CniError code 7
 */
export function gatewayOf(
	config: ClusterConfig,
	{ post, directory }: { readonly post: Post; readonly directory: string },
): Gateway {
	const { endpoints, timeoutMs, login } = connectionOf(config);
	if (login === undefined) return createGateway({ endpoints, timeoutMs, post });
	const { user, passwordFile } = login;
	const password = () => readSecret(passwordFile, "passwordFile");
	return createGateway({
		endpoints,
		timeoutMs,
		post,
		login: { user, password, ...tokenFile(`${directory}/token`, user) },
	});
}

import { connectBy } from "../http/connect.ts";
import { secureStream } from "../http/secure-stream.ts";
import { createBlockingPost, type Post } from "./post.ts";
import { loadIdentity, type TlsFiles } from "./tls-identity.ts";

export function openPost(files: TlsFiles): Post & Disposable {
	return createBlockingPost(
		connectBy((plain, host) =>
			secureStream(plain, { name: files.serverName ?? host, identity: loadIdentity(files), peer: "etcd" }),
		),
	);
}

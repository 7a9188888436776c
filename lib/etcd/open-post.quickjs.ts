import { connectBy } from "./connect.ts";
import { createBlockingPost, type Post } from "./post.ts";
import { secureStream } from "./secure-stream.ts";
import { loadIdentity, type TlsFiles } from "./tls-identity.ts";

export function openPost(files: TlsFiles): Post & Disposable {
	return createBlockingPost(
		connectBy((plain, { host: name, deadline }) =>
			secureStream(plain, { name: files.serverName ?? name, identity: loadIdentity(files), deadline }),
		),
	);
}

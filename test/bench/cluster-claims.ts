import { connectBy } from "../../lib/etcd/connect.ts";
import { parseEndpoint } from "../../lib/etcd/endpoint.ts";
import { createGateway } from "../../lib/etcd/gateway.ts";
import { absent, transact } from "../../lib/etcd/kv.ts";
import { createBlockingPost } from "../../lib/etcd/post.ts";
import { createEtcdStore } from "../../lib/ipam/etcd-store/etcd-store.ts";
import { parseRangeSet } from "../../lib/ipam/range-set.ts";
import { lockFile, tryLockFile } from "../../lib/linux/file-lock.ts";

/** What one of the processes is to do. */
export interface ClaimOrder {
	/** `bare`: transactions that compare a key, and put two of the size that a claim puts. */
	readonly kind: "claim" | "bare";
	readonly url: string;
	readonly network: string;
	readonly directory: string;
	readonly worker: number;
	/** How many. */
	readonly each: number;
}

export const claimProgram = import.meta.filename;

const set = parseRangeSet([{ subnet: "10.128.0.0/9" }]);

/** Waits for a word on stdin, and does it, with a connection for each, as a plugin has. */
async function work({ kind, url, network, directory, worker, each }: ClaimOrder): Promise<void> {
	const endpoint = parseEndpoint(url);
	if (endpoint === undefined) throw new Error(`no endpoint: ${url}`);
	process.stdout.write("ready\n");
	await Bun.stdin.text();
	for (let index = 0; index < each; index++) {
		using post = createBlockingPost(connectBy((plain) => plain));
		const gateway = createGateway({ endpoints: [endpoint], timeoutMs: 30_000, post });
		const containerId = `container-of-some-length-${worker}-${index}`;
		if (kind === "bare") {
			const key = `/bare/${network}/${containerId}`;
			const { succeeded } = await transact(gateway, {
				compare: [{ key, mod: absent }],
				success: [
					{ put: key, value: "x".repeat(150) },
					{ put: `${key}/owner`, value: "x".repeat(60) },
				],
			});
			if (!succeeded) throw new Error("a bare transaction failed");
			continue;
		}
		const store = createEtcdStore({
			gateway,
			prefix: "/cni-suite",
			network,
			agent: "bench",
			blockLengths: { 4: 26, 6: 122 },
			borrow: true,
			cooldownMs: 60_000,
			tokenLabel: "token",
			directory,
			lock: lockFile,
			tryLock: tryLockFile,
			postponed: () => {},
		});
		const { kind: outcome } = await store.reserve({ containerId, ifName: "eth0" }, [
			{ set, setIndex: 0, requested: undefined },
		]);
		if (outcome !== "reserved") throw new Error(`a claim failed: ${outcome}`);
	}
}

if (import.meta.main) await work(JSON.parse(process.argv[2] ?? "{}") as ClaimOrder);

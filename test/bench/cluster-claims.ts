import { parseEndpoint } from "../../lib/etcd/endpoint.ts";
import { createGateway } from "../../lib/etcd/gateway.ts";
import { absent, transact } from "../../lib/etcd/kv.ts";
import { openPost } from "../../lib/etcd/open-post.ts";
import { createEtcdStore } from "../../lib/ipam/etcd-store/etcd-store.ts";
import { parseRangeSet } from "../../lib/ipam/range-set.ts";
import { openLocked, tryLockFile } from "../../lib/linux/file-lock.ts";
import { exit } from "../../lib/linux/libc.ts";
import { readStdin, writeStdout } from "../../lib/linux/stdio.ts";

/*
 * One of the processes that claim addresses at once: a program for the engine of the plugins, made by bin/link.
 */

/** What it is to do. */
export interface ClaimOrder {
	/** `bare`: transactions that compare and put as many keys as a claim does, which nobody else wants, and choose nothing. */
	readonly kind: "claim" | "bare";
	readonly url: string;
	readonly network: string;
	readonly directory: string;
	readonly worker: number;
	/** Prefix length of the agent's blocks. */
	readonly blocks: number;
	/** How many. */
	readonly each: number;
}

const noFiles = { caFile: undefined, certFile: undefined, keyFile: undefined, serverName: undefined };
const set = parseRangeSet([{ subnet: "10.128.0.0/9" }]);

/** Says that it is there, waits for the end of stdin, and does what stands in ORDER. */
export async function main(): Promise<never> {
	const order = JSON.parse(process.env.ORDER ?? "{}") as ClaimOrder;
	writeStdout("ready\n");
	readStdin();
	await claim(order);
	exit(0);
}

/** With a connection for each, as a plugin has. */
async function claim({ kind, url, network, directory, worker, blocks, each }: ClaimOrder): Promise<void> {
	const endpoint = parseEndpoint(url);
	if (endpoint === undefined) throw new Error(`no endpoint: ${url}`);
	const run = Math.random().toString(36).slice(2);
	for (let index = 0; index < each; index++) {
		using post = openPost(noFiles);
		const gateway = createGateway({ endpoints: [endpoint], timeoutMs: 30_000, post });
		const containerId = `container-${run}-${worker}-${index}`;
		if (kind === "bare") {
			const key = `/cni-suite/network/${network}/address/${containerId}`;
			const { succeeded } = await transact(gateway, {
				compare: ["", "/owner", "/agent", "/block", "/rest"].map((part) => ({ key: key + part, mod: absent })),
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
			blockLengths: { 4: blocks, 6: 122 },
			borrow: true,
			cooldownMs: 60_000,
			tokenLabel: "token",
			directory,
			lock: openLocked,
			tryLock: tryLockFile,
			postponed: () => {},
		});
		const { kind: outcome } = await store.reserve({ containerId, ifName: "eth0" }, [
			{ set, setIndex: 0, requested: undefined },
		]);
		if (outcome !== "reserved") throw new Error(`a claim failed: ${outcome}`);
	}
}

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Endpoint } from "../../lib/etcd/endpoint.ts";
import { createGateway, type Gateway } from "../../lib/etcd/gateway.ts";
import { prefixRange } from "../../lib/etcd/kv.ts";
import type { Post } from "../../lib/etcd/post.ts";
import { AttemptError } from "../../lib/http/attempt-error.ts";
import { fromBase64, toBase64 } from "../../lib/linux/base64.ts";
import { attempt, enter, type Namespace } from "./namespace.ts";
import { root, systemPath } from "./paths.ts";

/** A member of etcd that a test has started: a cluster of its own. */
export interface Etcd extends AsyncDisposable {
	/** Where plugins of its namespace reach it. */
	readonly url: string;
	/** Where plugins of any namespace reach it. */
	readonly socketUrl: string;
	/** For the test itself, which is in another namespace: a way in by a socket in the file system. */
	readonly post: Post;
	/** A fresh gateway to it, with a deadline of its own. */
	gateway(timeoutMs?: number): Gateway;
	/** Stops answering, without closing what is open: SIGSTOP. */
	pause(): void;
	resume(): void;
	/** Ends the process; `start` begins it again with what it has kept. */
	stop(): Promise<void>;
	start(): Promise<void>;
}

export interface EtcdOptions {
	/** By default `http://127.0.0.1:2379`. */
	readonly url?: string;
	/** Further options. */
	readonly args?: readonly string[];
	/** One of several members, of which a majority has to start at the same time; by default the only one. */
	readonly peer?: Peer;
	/** Whether what is written waits for the disk, as in earnest. */
	readonly durable?: boolean;
}

/** A member among others. */
export interface Peer {
	readonly name: string;
	/** Where the others reach it. */
	readonly url: string;
	/** Every member: `one=http://10.0.0.11:2380,two=…`. */
	readonly all: string;
}

export const etcdProgram = join(root, ".tools/etcd/etcd");

/** Starts etcd in the namespace, and waits until it serves. */
export async function startEtcd(
	namespace: Namespace,
	{ url = "http://127.0.0.1:2379", args = [], peer, durable = false }: EtcdOptions = {},
): Promise<Etcd> {
	const directory = mkdtempSync(join(tmpdir(), `cst-${process.pid}-etcd-`));
	const socketPath = join(directory, "client.sock:0");
	const post = postTo(socketPath);
	const command = [
		etcdProgram,
		...["--data-dir", join(directory, "data"), "--logger", "zap", "--log-level", "error"],
		// The socket is made in the working directory.
		...["--listen-client-urls", `${url},unix://client.sock:0`, "--advertise-client-urls", url],
		...(peer === undefined ? ["--listen-peer-urls", "http://127.0.0.1:0"] : optionsOf(peer)),
		...(durable ? [] : ["--unsafe-no-fsync"]),
		...args,
	];
	let child: ReturnType<typeof spawn> | undefined;
	const start = async () => {
		// What is left of one that was killed.
		rmSync(socketPath, { force: true });
		const [program = "", ...rest] = enter(namespace, command);
		child = spawn(program, rest, {
			cwd: directory,
			env: { PATH: systemPath, ...(durable ? {} : { GOMAXPROCS: "1" }) },
			stdio: "ignore",
		});
		await untilServing(post);
	};
	const stop = async () => {
		const ended = new Promise((resolve) => child?.once("exit", resolve));
		if (child?.kill("SIGKILL")) await ended;
		child = undefined;
	};
	await start();
	return {
		url,
		socketUrl: `unix://${socketPath}`,
		post,
		gateway: (timeoutMs = 10_000) => createGateway({ endpoints: [anyEndpoint], timeoutMs, post }),
		pause: () => child?.kill("SIGSTOP"),
		resume: () => child?.kill("SIGCONT"),
		stop,
		start,
		async [Symbol.asyncDispose]() {
			await stop();
			rmSync(directory, { recursive: true, force: true });
		},
	};
}

function optionsOf({ name, url, all }: Peer): readonly string[] {
	const cluster = ["--initial-cluster", all, "--initial-advertise-peer-urls", url];
	return ["--name", name, "--listen-peer-urls", url, ...cluster];
}

/** For a post that leads to one place whatever the endpoint. */
export const anyEndpoint: Endpoint = { kind: "socket", path: "client.sock:0", url: "unix://client.sock:0" };

function postTo(socketPath: string): Post {
	return (_endpoint, { path, headers, body, deadline }) =>
		new Promise((resolve, reject) => {
			const timeout = Math.max(1, deadline - performance.now());
			const outgoing = request({ socketPath, path, method: "POST", headers, timeout }, (incoming) => {
				let text = "";
				incoming.setEncoding("utf8").on("data", (chunk) => {
					text += chunk;
				});
				incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: text }));
			});
			outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
			outgoing.on("error", (error) => reject(new AttemptError(error.message, { sent: true })));
			outgoing.end(body);
		});
}

async function untilServing(post: Post): Promise<void> {
	const end = performance.now() + 20_000;
	for (;;) {
		try {
			await createGateway({ endpoints: [anyEndpoint], timeoutMs: 1000, post }).call("kv/range", { key: "AA==" });
			return;
		} catch (thrown) {
			if (performance.now() > end) throw thrown;
		}
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}

/** Every key below a prefix, without the prefix, and its value: for tests that wait for nothing. */
export function keysNow(etcd: Etcd, prefix: string): ReadonlyMap<string, string> {
	const { key, end } = prefixRange(`${prefix}/`);
	const body = JSON.stringify({ key: toBase64(key), range_end: toBase64(end) });
	const socket = etcd.socketUrl.slice("unix://".length);
	const { stdout } = attempt(["curl", "-sf", "--unix-socket", socket, "http://etcd/v3/kv/range", "-d", body]);
	const { kvs = [] } = JSON.parse(stdout) as { kvs?: readonly { key: string; value?: string }[] };
	return new Map(kvs.map((kv) => [fromBase64(kv.key).slice(prefix.length + 1), fromBase64(kv.value ?? "")]));
}

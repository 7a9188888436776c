import { join } from "node:path";
import { type Operation, transact } from "../../lib/etcd/kv.ts";
import { layoutOf } from "../../lib/ipam/etcd-store/layout.ts";
import { formatOwner, formatRecord } from "../../lib/ipam/etcd-store/record.ts";
import { makeCertificates } from "../support/certificates.ts";
import { type Etcd, startEtcd } from "../support/etcd.ts";
import { attempt, createNamespace, deleteNamespace, type Namespace } from "../support/namespace.ts";
import { timed } from "./call.ts";
import type { Bench, Figure } from "./figure.ts";

/*
 * What docs/design/cluster-at-scale.md reckons with: how large a cluster's addresses are in etcd, which does not depend on
 * what else the machine does, and what they cost it, which does.
 */

const network = "production";
const blockSize = 64;

export async function clusterScaleFigures(bench: Bench): Promise<Figure[]> {
	const here = { name: "", path: "/proc/self/ns/net" };
	const container = createNamespace(`cst-${process.pid}-scale`);
	try {
		await using etcd = await startEtcd(here, { durable: true });
		const few = bench.quick ? 2000 : 10_000;
		const many = 6 * few;
		await fill(etcd, { from: 0, to: few });
		const before = await sizesOf(etcd);
		await fill(etcd, { from: few, to: many });
		const after = await sizesOf(etcd);
		const each = (kind: keyof Sizes) => (after[kind] - before[kind]) / (many - few);
		const figures = [
			figure(`an address in etcd, of ${few} to ${many}: database in use`, bytes(each("inUse"))),
			figure("the same: memory of etcd", bytes(each("resident"))),
			...(await churn(bench, { etcd, container })),
			...(await restart(etcd, many)),
		];
		await etcd.stop();
		makeCertificates(bench.directory);
		const file = (name: string) => join(bench.directory, name);
		const tls = ["--cert-file", file("server.pem"), "--key-file", file("server.key"), "--client-cert-auth"];
		const args = [...tls, "--trusted-ca-file", file("ca.pem")];
		await using secure = await startEtcd(here, { url: "https://127.0.0.1:2379", args });
		const ipam = { caFile: file("ca.pem"), certFile: file("client.pem"), keyFile: file("client.key") };
		const [, cost] = await churn(bench, { etcd: secure, container, ipam, by: " by TLS" });
		return cost === undefined ? figures : [...figures, cost];
	} finally {
		deleteNamespace(container);
	}
}

function figure(what: string, ours: string): Figure {
	return { what, ours, stock: "", ratio: "", bar: "", verdict: "" };
}

const bytes = (count: number) => `${Math.round(count)} bytes`;

interface Sizes {
	/** Of the database, without pages that are free. */
	readonly inUse: number;
	readonly resident: number;
}

async function sizesOf(etcd: Etcd): Promise<Sizes> {
	// Writes out what it has gathered, too.
	await etcd.gateway(60_000).call("maintenance/defragment", {});
	const { dbSizeInUse } = await etcd.gateway().call("maintenance/status", {});
	return { inUse: Number(dbSizeInUse), resident: metricOf(etcd, "resident_memory_bytes") };
}

/** Of its process. */
function metricOf({ socketUrl }: Etcd, name: "resident_memory_bytes" | "cpu_seconds_total"): number {
	const socket = socketUrl.slice("unix://".length);
	const { stdout } = attempt(["curl", "-sf", "--unix-socket", socket, "http://etcd/metrics"]);
	return Number(new RegExp(`^process_${name} (\\S+)$`, "m").exec(stdout)?.[1]);
}

interface Churn {
	readonly etcd: Etcd;
	readonly container: Namespace;
	/** Further keys of `ipam`. */
	readonly ipam?: object;
	readonly by?: string;
}

/** What remains of an ADD and a DEL until etcd forgets what was before, and what they cost it. */
async function churn(bench: Bench, { etcd, container, ipam = {}, by = "" }: Churn): Promise<readonly Figure[]> {
	const config = {
		cniVersion: "1.0.0",
		name: network,
		type: "cluster",
		ipam: {
			type: "cluster",
			endpoints: [etcd.url],
			agent: agentName(1_000_000),
			dataDir: join(bench.directory, `churn${by.replaceAll(" ", "-")}`),
			ranges: [[{ subnet: "10.128.0.0/9" }]],
			// Else all addresses of a block would rest before the end, which is not so where containers live for long.
			blocks: { ipv4: 22 },
			...ipam,
		},
		args: { "org.apache.mesos": { network_info: { labels: { labels: tags.labels }, groups: tags.groups } } },
	};
	const call = (command: "ADD" | "DEL", containerId: string) =>
		timed({ bin: bench.ours, type: "cluster", netns: container.path, config, command, containerId });
	call("ADD", "first");
	const pairs = bench.quick ? 100 : 400;
	const before = await sizesOf(etcd);
	const busyBefore = metricOf(etcd, "cpu_seconds_total");
	for (let pair = 0; pair < pairs; pair++) {
		const containerId = crypto.randomUUID();
		for (const command of ["ADD", "DEL"] as const) call(command, containerId);
	}
	const busy = (metricOf(etcd, "cpu_seconds_total") - busyBefore) / pairs;
	const inUse = ((await sizesOf(etcd)).inUse - before.inUse) / pairs;
	return [
		figure("an ADD and its DEL, until the next compaction", bytes(inUse)),
		figure(`an ADD and its DEL${by}: processor time of etcd`, `${(1000 * busy).toFixed(2)} ms`),
	];
}

async function restart(etcd: Etcd, addresses: number): Promise<readonly Figure[]> {
	await etcd.stop();
	const start = performance.now();
	await etcd.start();
	const seconds = (performance.now() - start) / 1000;
	return [figure(`etcd started again with ${addresses} addresses`, `${seconds.toFixed(1)} s`)];
}

const tags = {
	labels: [
		{ key: "app", value: "web-frontend" },
		{ key: "team", value: "shop" },
	],
	groups: ["production"],
};

/** As long as a name of a machine is. */
function agentName(index: number): string {
	return `agent-${String(index).padStart(5, "0")}.dc1.example.org`;
}

/** Addresses number `from` up to `to` of agents with full blocks, each of a container of its own. */
async function fill(etcd: Etcd, { from, to }: { from: number; to: number }): Promise<void> {
	const layout = layoutOf("/cni-suite", network);
	for (let first = from; first < to; first += 50) {
		const puts: Operation[] = [];
		for (let index = first; index < Math.min(first + 50, to); index++) {
			const address = { family: 4, value: 0x0a000000n + BigInt(index) } as const;
			const agent = agentName(Math.floor(index / blockSize));
			const owner = { containerId: crypto.randomUUID(), ifName: "eth0" };
			const record = formatRecord(address, { ...owner, ...tags, agent, time: Date.now() });
			puts.push({ put: layout.address(address), value: record });
			puts.push({ put: layout.owner(agent, owner), value: formatOwner([address], "2f8x1k9q0ab") });
			if (index % blockSize === 0) {
				const block = { network: address, length: 26 };
				puts.push({ put: layout.block(block), value: agent }, { put: layout.blockOf(agent, block), value: "" });
			}
		}
		await transact(etcd.gateway(30_000), { success: puts });
	}
}

import { join } from "node:path";
import { type Operation, transact } from "../../lib/etcd/kv.ts";
import { layoutOf } from "../../lib/ipam/etcd-store/layout.ts";
import { formatOwner, formatRecord } from "../../lib/ipam/etcd-store/record.ts";
import { type Etcd, startEtcd } from "../support/etcd.ts";
import { createNamespace, deleteNamespace, type Namespace } from "../support/namespace.ts";
import { timed } from "./call.ts";
import type { Bench, Figure } from "./figure.ts";

/*
 * How large a cluster's addresses are in etcd: what docs/design/cluster-at-scale.md reckons with. Sizes do not depend on
 * what else the machine does.
 */

const network = "production";
const blockSize = 64;

export async function clusterBytesFigures(bench: Bench): Promise<Figure[]> {
	const here = { name: "", path: "/proc/self/ns/net" };
	const container = createNamespace(`cst-${process.pid}-bytes`);
	try {
		await using etcd = await startEtcd(here);
		const few = bench.quick ? 2000 : 10_000;
		const many = 6 * few;
		await fill(etcd, { from: 0, to: few });
		const before = await sizes(etcd);
		await fill(etcd, { from: few, to: many });
		const after = await sizes(etcd);
		const each = (kind: keyof Sizes) => (after[kind] - before[kind]) / (many - few);
		return [
			figure(`an address in etcd, of ${few} to ${many}: database in use`, each("inUse")),
			figure("the same: memory of etcd", each("resident")),
			...(await history(bench, { etcd, container })),
		];
	} finally {
		deleteNamespace(container);
	}
}

function figure(what: string, bytes: number): Figure {
	return { what, ours: `${Math.round(bytes)} bytes`, stock: "", ratio: "", bar: "", verdict: "" };
}

interface Sizes {
	/** Of the database, without pages that are free. */
	readonly inUse: number;
	readonly resident: number;
}

async function sizes(etcd: Etcd): Promise<Sizes> {
	// Writes out what it has gathered, too.
	await etcd.gateway(60_000).call("maintenance/defragment", {});
	const { dbSizeInUse } = await etcd.gateway().call("maintenance/status", {});
	const metrics = await (await fetch(`${etcd.url}/metrics`)).text();
	const resident = Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1]);
	return { inUse: Number(dbSizeInUse), resident };
}

/** What remains of an ADD and a DEL until etcd forgets what was before. */
async function history(
	bench: Bench,
	{ etcd, container }: { etcd: Etcd; container: Namespace },
): Promise<readonly Figure[]> {
	const ipam = {
		type: "cluster",
		endpoints: [etcd.url],
		agent: agentName(1_000_000),
		dataDir: join(bench.directory, "bytes"),
		ranges: [[{ subnet: "10.0.0.0/8" }]],
	};
	const args = { "org.apache.mesos": { network_info: { labels: { labels: tags.labels }, groups: tags.groups } } };
	const config = { cniVersion: "1.0.0", name: network, type: "cluster", ipam, args };
	const call = (command: "ADD" | "DEL", containerId: string) =>
		timed({ bin: bench.ours, type: "cluster", netns: container.path, config, command, containerId });
	call("ADD", "first");
	const before = await sizes(etcd);
	const pairs = bench.quick ? 100 : 400;
	for (let pair = 0; pair < pairs; pair++) {
		const containerId = crypto.randomUUID();
		for (const command of ["ADD", "DEL"] as const) call(command, containerId);
	}
	const after = await sizes(etcd);
	return [figure("an ADD and its DEL, until the next compaction", (after.inUse - before.inUse) / pairs)];
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

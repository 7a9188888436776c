import { join } from "node:path";
import { createGateway } from "../../lib/etcd/gateway.ts";
import { type Operation, transact } from "../../lib/etcd/kv.ts";
import { formatAddress } from "../../lib/ip/address.ts";
import { layoutOf } from "../../lib/ipam/etcd-store/layout.ts";
import { formatOwner, formatRecord } from "../../lib/ipam/etcd-store/record.ts";
import { type Etcd, startEtcd } from "../support/etcd.ts";
import { attempt, createNamespace, deleteNamespace, type Namespace } from "../support/namespace.ts";
import { root } from "../support/paths.ts";
import { type Call, timed } from "./call.ts";
import type { ClaimOrder } from "./cluster-claims.ts";
import { type Bench, compare, type Figure, median, verdictOf } from "./figure.ts";

/** cluster, with an etcd of one member on the same machine that writes to its disk as in earnest. */
export async function clusterFigures(bench: Bench): Promise<Figure[]> {
	// This process is inside the host's namespace.
	const here = { name: "", path: "/proc/self/ns/net" };
	await using etcd = await startEtcd(here, { durable: true });
	const container = createNamespace(`cst-${process.pid}-cluster`);
	const setting = { etcd, container, here };
	try {
		return [
			...attachment(bench, setting),
			await requests(bench, setting),
			await claims(bench, { etcd, blocks: 26 }),
			await claims(bench, { etcd, blocks: 24 }),
			...(await growth(bench, setting)),
		];
	} finally {
		deleteNamespace(container);
	}
}

interface Setting {
	/** Where this process and every etcd is. */
	readonly here: Namespace;
	readonly etcd: Etcd;
	readonly container: Namespace;
}

function clusterCall(bench: Bench, { etcd, container }: Setting, network: string): Omit<Call, "command"> {
	const dataDir = join(bench.directory, "cluster");
	const ranges = [[{ subnet: "10.128.0.0/9" }]];
	const ipam = { type: "cluster", endpoints: [etcd.url], agent: "bench", dataDir, ranges };
	const config = { cniVersion: "1.0.0", name: network, type: "bridge", bridge: "br-cluster", isGateway: true, ipam };
	return { bin: bench.ours, type: "bridge", netns: container.path, containerId: "bench", config };
}

/** bridge with cluster beside bridge with host-local, both ours. */
function attachment(bench: Bench, setting: Setting): Figure[] {
	const cluster = clusterCall(bench, setting, "attachment");
	const ranges = [[{ subnet: "10.127.0.0/16" }]];
	const ipam = { type: "host-local", dataDir: join(bench.directory, "networks"), ranges };
	const local = { ...cluster, config: { ...cluster.config, name: "local", bridge: "br-local", ipam } };
	const costs = {
		ADD: { ours: [] as number[], stock: [] as number[] },
		DEL: { ours: [] as number[], stock: [] as number[] },
	};
	const runs = bench.quick ? 10 : 100;
	for (let run = -2; run < runs; run++) {
		const both = [["ours", cluster] as const, ["stock", local] as const];
		for (const [side, call] of run % 2 === 0 ? both : both.toReversed()) {
			for (const command of ["ADD", "DEL"] as const) {
				const { wallMs } = timed({ ...call, command });
				if (run >= 0) costs[command][side].push(wallMs);
			}
		}
	}
	return [
		compare("bridge + cluster, over ours with host-local: ADD", { ...costs.ADD, unit: "ms", bar: 1.5 }),
		compare("bridge + cluster, over ours with host-local: DEL", { ...costs.DEL, unit: "ms" }),
	];
}

/** Counted by etcd itself. */
async function requests(bench: Bench, setting: Setting): Promise<Figure> {
	const call = { ...clusterCall(bench, setting, "requests"), type: "cluster" };
	timed({ ...call, containerId: "first", command: "ADD" });
	const during = async (command: string) => {
		const before = await handled(setting.etcd);
		timed({ ...call, command });
		return (await handled(setting.etcd)) - before;
	};
	const [add, del] = [await during("ADD"), await during("DEL")];
	return {
		what: "network calls to etcd for an ADD / a DEL in a block already owned",
		ours: `${add} / ${del}`,
		stock: "",
		ratio: "",
		bar: "≤ 2 / ≤ 2",
		verdict: verdictOf(Math.max(add, del), 2),
	};
}

async function handled({ url }: Etcd): Promise<number> {
	const text = await (await fetch(`${url}/metrics`)).text();
	const lines = text.matchAll(/^grpc_server_started_total\{.*grpc_service="etcdserverpb.KV".*\} (\d+)$/gm);
	return Array.from(lines, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
}

/** Eight processes at once: claims of addresses, and as many transactions that write as much and choose nothing. */
async function claims(bench: Bench, { etcd, blocks }: { etcd: Etcd; blocks: number }): Promise<Figure> {
	const program = join(bench.directory, "claims");
	const made = attempt([join(root, "bin/link"), join(root, "test/bench/cluster-claims.ts"), program]);
	if (made.exitCode !== 0) throw new Error(`Cannot make the program that claims: ${made.stderr}`);
	const each = bench.quick ? 100 : 400;
	const rounds = bench.quick ? 2 : 5;
	const perSecond: Record<ClaimOrder["kind"], number[]> = { claim: [], bare: [] };
	for (let round = -1; round < rounds; round++) {
		for (const kind of round % 2 === 0 ? (["claim", "bare"] as const) : (["bare", "claim"] as const)) {
			const network = `claims-${kind}-${blocks}-${round + 1}`;
			const directory = join(bench.directory, network);
			const workers = Array.from({ length: 8 }, (_, worker) => {
				const order: ClaimOrder = { kind, url: etcd.url, network, directory, worker, blocks, each };
				return Bun.spawn([program], { env: { ORDER: JSON.stringify(order) }, stdin: "pipe", stdout: "pipe" });
			});
			// All are ready before the first begins.
			for (const { stdout } of workers) await stdout.getReader().read();
			const start = Bun.nanoseconds();
			for (const { stdin } of workers) stdin.end();
			const codes = await Promise.all(workers.map(({ exited }) => exited));
			if (codes.some((code) => code !== 0)) throw new Error(`Cannot measure ${network}: a process failed`);
			if (round >= 0) perSecond[kind].push((8 * each) / ((Bun.nanoseconds() - start) / 1e9));
		}
	}
	const ratio = median(perSecond.claim.map((value, index) => value / (perSecond.bare[index] ?? Number.NaN)));
	return {
		what: `addresses claimed by 8 processes at once in blocks of /${blocks}, over bare transactions of as many compares and puts`,
		ours: `${Math.round(median(perSecond.claim))} /s`,
		stock: `${Math.round(median(perSecond.bare))} /s, bare`,
		ratio: ratio.toFixed(2),
		bar: "≥ 0.8",
		verdict: ratio >= 0.8 ? "met" : "missed",
	};
}

const counts = [100, 10_000, 100_000] as const;

/** cluster alone, with three of etcd that a script has filled: each call for one is followed by the same for the others. */
async function growth(bench: Bench, { container, here }: Setting): Promise<Figure[]> {
	await using members = new AsyncDisposableStack();
	const sides: { readonly taken: number; readonly call: Omit<Call, "command">; readonly cost: number[] }[] = [];
	for (const [index, taken] of counts.entries()) {
		const network = `filled-${taken}`;
		const etcd = members.use(await startEtcd(here, { url: `http://127.0.0.1:${23790 + index}`, durable: true }));
		await fill(etcd, { network, taken });
		const call = { ...clusterCall(bench, { etcd, container, here }, network), type: "cluster" };
		sides.push({ taken, call, cost: [] });
	}
	for (let run = -2; run < (bench.quick ? 10 : 60); run++) {
		for (const { call, cost } of sides) {
			const { wallMs } = timed({ ...call, command: "ADD" });
			timed({ ...call, command: "DEL" });
			if (run >= 0) cost.push(wallMs);
		}
	}
	const medians = sides.map(({ cost }) => median(cost));
	const flatness = Math.max(...medians) / Math.min(...medians);
	return [
		...sides.map(({ taken }, index) => ({
			what: `cluster with ${taken.toLocaleString("en")} taken: ADD`,
			ours: `${medians[index]?.toFixed(2)} ms`,
			stock: "",
			ratio: "",
			bar: "",
			verdict: "" as const,
		})),
		{
			what: "cluster ADD: slowest of 100 to 100,000 taken over the fastest",
			ours: `${flatness.toFixed(2)} ×`,
			stock: "",
			ratio: "",
			bar: "≤ 1.3 ×",
			verdict: verdictOf(flatness, 1.3),
		},
	];
}

/** As agents of 64 containers each would leave it. */
async function fill({ post, url }: Etcd, { network, taken }: { network: string; taken: number }): Promise<void> {
	const endpoints = [{ kind: "socket", path: "", url } as const];
	const layout = layoutOf("/cni-suite", network);
	for (let first = 0; first < taken; first += 60) {
		const puts: Operation[] = [];
		for (let index = first; index < Math.min(first + 60, taken); index++) {
			const address = { family: 4, value: 0x0a800002n + BigInt(index) } as const;
			const agent = `agent-${index >> 6}`;
			const owner = { containerId: `container-of-some-length-${index}`, ifName: "eth0" };
			const record = { ...owner, agent, time: 0, labels: [], groups: [] };
			puts.push({ put: layout.address(address), value: formatRecord(address, record) });
			puts.push({ put: layout.owner(agent, owner), value: formatOwner([address], formatAddress(address)) });
			const block = { network: { family: 4, value: (address.value >> 6n) << 6n }, length: 26 } as const;
			if (index % 64 === 0 || index === first) puts.push({ put: layout.block(block), value: agent });
		}
		const names = puts.map((operation) => ("put" in operation ? operation.put : ""));
		const once = puts.filter((_, index) => names.indexOf(names[index] ?? "") === index);
		await transact(createGateway({ endpoints, timeoutMs: 30_000, post }), { success: once });
	}
}

import { createKeeper } from "../../lib/cluster/agents/keeper.ts";
import { agentKeys, formatReport } from "../../lib/cluster/agents/keys.ts";
import { leaseSource } from "../../lib/cluster/agents/lease-source.ts";
import { createOutlook } from "../../lib/cluster/agents/outlook.ts";
import { createGateway, type Gateway } from "../../lib/etcd/gateway.ts";
import { type Operation, transact } from "../../lib/etcd/kv.ts";
import type { Post } from "../../lib/etcd/post.ts";
import type { IpAddress } from "../../lib/ip/address.ts";
import { layoutOf } from "../../lib/ipam/etcd-store/layout.ts";
import { formatOwner, formatRecord } from "../../lib/ipam/etcd-store/record.ts";
import { anyEndpoint, type Etcd, startEtcd } from "../support/etcd.ts";
import { type Bench, type Figure, median } from "./figure.ts";

const prefix = "/cni-suite";
const layout = layoutOf(prefix, "net");
const keys = agentKeys(prefix);

/** What watching costs in a large cluster, and how soon what a lost agent held is to be had again. */
export async function agentsFigures({ quick }: Bench): Promise<Figure[]> {
	await using etcd = await startEtcd({ name: "", path: "/proc/self/ns/net" }, { durable: true });
	const all = quick ? 1000 : 10_000;
	const [lost, containers] = [20, 100];
	await fill(etcd, { all, lost, containers });
	const cost = { requests: 0, bytes: 0 };
	const gateway = counting(etcd, cost);
	const timed = async (work: () => Promise<unknown>) => {
		Object.assign(cost, { requests: 0, bytes: 0 });
		const start = performance.now();
		await work();
		return { ...cost, ms: performance.now() - start };
	};
	const failed = (thrown: unknown) => {
		throw thrown;
	};
	const source = leaseSource({ gateway, prefix, intervalMs: 0, wait: async () => {}, failed, succeeded: () => {} });
	const outlook = createOutlook([source]);
	let now = 0;
	const keeper = createKeeper({
		gateway,
		prefix,
		outlook,
		grace: { defaultMs: 1, ofNetworkMs: new Map() },
		mostLost: 1,
		cooldownMsOf: () => 60_000,
		now: () => now,
		elapsed: () => now,
		log: () => {},
	});
	const look = async () => {
		outlook.hear(source, await source.watch(0));
		await keeper.round();
	};
	await look();
	const looks = [];
	for (let run = 0; run < 5; run++) looks.push(await timed(look));
	now += 1;
	const release = await timed(look);
	if (keeper.counts.addresses !== lost * containers * 2) throw new Error("not everything was released");
	return [
		figure(`a look at ${all} agents by \`cnictl agents watch\`, when nothing has changed`, {
			ms: median(looks.map(({ ms }) => ms)),
			requests: looks[0]?.requests ?? 0,
			bytes: looks[0]?.bytes ?? 0,
		}),
		figure(`releasing what a lost agent holds: ${containers} containers, both families, one of ${lost}`, {
			ms: release.ms / lost,
			requests: release.requests / lost,
			bytes: release.bytes / lost,
		}),
	];
}

function figure(what: string, { ms, requests, bytes }: { ms: number; requests: number; bytes: number }): Figure {
	const ours = `${ms.toFixed(0)} ms, ${requests.toFixed(0)} requests, ${(bytes / 1e6).toFixed(2)} MB`;
	return { what, ours, stock: "", ratio: "", bar: "", verdict: "" };
}

function counting(etcd: Etcd, cost: { requests: number; bytes: number }): Gateway {
	const post: Post = async (endpoint, request) => {
		const answer = await etcd.post(endpoint, request);
		cost.requests++;
		cost.bytes += answer.body.length;
		return answer;
	};
	const open = () => createGateway({ endpoints: [anyEndpoint], timeoutMs: 60_000, post });
	return { deadline: Number.POSITIVE_INFINITY, call: (path, body) => open().call(path, body) };
}

/** Agents that report, of which the first do not any more and hold addresses. */
async function fill(etcd: Etcd, { all, lost, containers }: { all: number; lost: number; containers: number }) {
	let next = 0n;
	let batch: Operation[] = [];
	const put = async (key: string, value: string) => {
		batch.push({ put: key, value });
		if (batch.length === 120) await flush();
	};
	const flush = async () => {
		if (batch.length > 0) await transact(etcd.gateway(60_000), { success: batch });
		batch = [];
	};
	for (let index = 0; index < all; index++) {
		const agent = `agent-${index}.example.com`;
		const report = formatReport({ since: 0, host: agent, boot: "00000000-0000-0000-0000-000000000000" });
		await put(keys.reports(agent), report);
		if (index >= lost) {
			await put(keys.alive(agent), report);
			continue;
		}
		for (let container = 0; container < containers; container++) {
			const owner = { containerId: `00000000-0000-0000-0000-${index}-${container}`, ifName: "eth0" };
			const addresses: readonly IpAddress[] = [
				{ family: 4, value: 0x0a000000n + next },
				{ family: 6, value: (0xfd00n << 112n) + next },
			];
			next++;
			const record = { ...owner, agent, time: 0, labels: [], groups: [] };
			for (const address of addresses) await put(layout.address(address), formatRecord(address, record));
			await put(layout.owner(agent, owner), formatOwner(addresses, "call"));
		}
		for (let block = 0; block < 4; block++) {
			const network: IpAddress = { family: 4, value: 0x0a000000n + BigInt(index * 4 + block) * 64n };
			await put(layout.block({ network, length: 26 }), agent);
			await put(layout.blockOf(agent, { network, length: 26 }), "");
		}
	}
	await flush();
}

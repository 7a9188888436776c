import type { AgentSource, Sighting } from "../../cluster/agent-source.ts";
import type { Grace } from "../../cluster/agents/grace.ts";
import { createKeeper } from "../../cluster/agents/keeper.ts";
import { leaseSource } from "../../cluster/agents/lease-source.ts";
import { type AgentMemory, agentMemory, rememberedAgents } from "../../cluster/agents/memory.ts";
import { createOutlook, type Outlook } from "../../cluster/agents/outlook.ts";
import type { Counts } from "../../cluster/agents/release-due.ts";
import { clusterGateway } from "../ipam/cluster-gateway.ts";
import type { Cluster } from "../ipam/clusters.ts";
import { type AlarmClock, createAlarmClock } from "./alarm-clock.ts";
import { cooldownIn } from "./cooldown.ts";
import { complaints } from "./service-log.ts";

export interface WatchOptions {
	/**
	 * Opens what tells of the agents of every cluster beside their signs of life in etcd; undefined for nothing.
	 *
	 * @param known agents that it has told of before, in an earlier service too
	 */
	readonly openSource: ((known: readonly string[]) => AgentSource) | undefined;
	readonly grace: Grace;
	/** From 0 to 1. */
	readonly mostLost: number;
	readonly intervalMs: number;
	readonly now: () => number;
	/** Milliseconds that do not jump. */
	readonly elapsed: () => number;
	readonly log: (text: string) => void;
	/** Its end is that of the service. */
	readonly signal: AbortSignal;
}

/** Watches the agents of the clusters until the signal's end, and looks after what they hold. What was released. */
export async function watchClusters(clusters: readonly Cluster[], options: WatchOptions): Promise<Counts> {
	using source = options.openSource?.(await readKnown(clusters, options));
	const watched = clusters.map((cluster) => watchCluster(cluster, { ...options, source }));
	const heard = (sightings: readonly Sighting[]) => {
		if (source === undefined || sightings.length === 0) return;
		for (const { outlook, memory, clock } of watched) {
			outlook.hear(source, sightings);
			memory.note(sightings);
			clock.ring();
		}
	};
	const pumping = source && pump(source, { ...options, heard });
	await Promise.all([pumping, ...watched.map(({ ended }) => ended)]);
	const total: Counts = { agents: 0, attachments: 0, addresses: 0, blocks: 0 };
	for (const { counts } of watched) {
		for (const what of Object.keys(total) as (keyof Counts)[]) total[what] += counts[what];
	}
	return total;
}

/** Waits for etcd, without which there is nothing to be done. */
async function readKnown(
	clusters: readonly Cluster[],
	{ intervalMs, log, signal }: WatchOptions,
): Promise<readonly string[]> {
	const clock = createAlarmClock(signal);
	const known = new Set<string>();
	for (const { via, prefix } of clusters) {
		const etcd = complaints(log, `reach etcd of network "${via.name}"`);
		for (let isRead = false; !isRead && !signal.aborted; ) {
			try {
				for (const agent of await rememberedAgents(clusterGateway(via), prefix)) known.add(agent);
				isRead = true;
				etcd.succeeded();
			} catch (thrown) {
				etcd.failed(thrown);
				await clock.wait(intervalMs);
			}
		}
	}
	return [...known];
}

interface Watched {
	readonly outlook: Outlook;
	readonly memory: AgentMemory;
	readonly clock: AlarmClock;
	readonly counts: Readonly<Counts>;
	readonly ended: Promise<void>;
}

function watchCluster(cluster: Cluster, options: WatchOptions & { readonly source: AgentSource | undefined }): Watched {
	const { prefix, via } = cluster;
	const { source, intervalMs, log, signal } = options;
	const gateway = clusterGateway(via);
	const clock = createAlarmClock(signal);
	const signTrouble = complaints(log, `read the signs of life below ${prefix}`);
	const roundTrouble = complaints(log, `look after the agents below ${prefix}`);
	const pause = createAlarmClock(signal);
	const signs = leaseSource({ gateway, prefix, intervalMs, wait: pause.wait, ...signTrouble });
	const outlook = createOutlook(source === undefined ? [signs] : [signs, source]);
	const memory = agentMemory(gateway, prefix);
	const keeper = createKeeper({
		...options,
		gateway,
		prefix,
		outlook,
		cooldownMsOf: cooldownIn(cluster),
	});
	const rounds = async () => {
		while (!signal.aborted) {
			try {
				await memory.flush();
				await keeper.round();
				roundTrouble.succeeded();
			} catch (thrown) {
				roundTrouble.failed(thrown);
			}
			await clock.wait(intervalMs);
		}
	};
	let withdrawn: readonly string[] = [];
	const heard = (sightings: Parameters<Outlook["hear"]>[1]) => {
		outlook.forget(signs, withdrawn);
		outlook.hear(signs, sightings);
		withdrawn = signs.withdrawn();
		if (sightings.length > 0) clock.ring();
	};
	const ended = Promise.all([rounds(), pump(signs, { ...options, heard })]).then(() => {});
	return { outlook, memory, clock, counts: keeper.counts, ended };
}

/** Hands on what a source tells, until the signal's end. */
async function pump(
	source: AgentSource,
	{ intervalMs, signal, log, heard }: WatchOptions & { readonly heard: (told: Parameters<Outlook["hear"]>[1]) => void },
): Promise<void> {
	const clock = createAlarmClock(signal);
	const trouble = complaints(log, "learn of agents");
	while (!signal.aborted) {
		try {
			const sightings = await source.watch(intervalMs);
			trouble.succeeded();
			heard(sightings);
		} catch (thrown) {
			trouble.failed(thrown);
			await clock.wait(intervalMs);
		}
	}
}

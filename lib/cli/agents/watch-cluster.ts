import type { AgentSource } from "../../cluster/agent-source.ts";
import type { Grace } from "../../cluster/agents/grace.ts";
import { createKeeper } from "../../cluster/agents/keeper.ts";
import { leaseSource } from "../../cluster/agents/lease-source.ts";
import { createOutlook, type Outlook } from "../../cluster/agents/outlook.ts";
import type { Counts } from "../../cluster/agents/release-due.ts";
import { clusterGateway } from "../ipam/cluster-gateway.ts";
import type { Cluster } from "../ipam/clusters.ts";
import { type AlarmClock, createAlarmClock } from "./alarm-clock.ts";
import { defaultCooldownMs } from "./default-cooldown.ts";
import { complaints } from "./service-log.ts";

export interface WatchOptions {
	/** Beside the signs of life in etcd; each speaks of the agents of every cluster. */
	readonly sources: readonly AgentSource[];
	readonly grace: Grace;
	/** From 0 to 1. */
	readonly mostLost: number;
	readonly intervalMs: number;
	readonly now: () => number;
	readonly log: (text: string) => void;
	/** Its end is that of the service. */
	readonly signal: AbortSignal;
}

/** Watches the agents of the clusters until the signal's end, and looks after what they hold. What was released. */
export async function watchClusters(clusters: readonly Cluster[], options: WatchOptions): Promise<Counts> {
	const { sources } = options;
	const watched = clusters.map((cluster) => watchCluster(cluster, options));
	const pumps = sources.map((source) =>
		pump(source, {
			...options,
			heard: (sightings) => {
				if (sightings.length === 0) return;
				for (const { outlook, clock } of watched) {
					outlook.hear(source, sightings);
					clock.ring();
				}
			},
		}),
	);
	await Promise.all([...pumps, ...watched.map(({ ended }) => ended)]);
	const total: Counts = { agents: 0, attachments: 0, addresses: 0, blocks: 0 };
	for (const { counts } of watched) {
		for (const what of Object.keys(total) as (keyof Counts)[]) total[what] += counts[what];
	}
	return total;
}

interface Watched {
	readonly outlook: Outlook;
	readonly clock: AlarmClock;
	readonly counts: Readonly<Counts>;
	readonly ended: Promise<void>;
}

function watchCluster(cluster: Cluster, options: WatchOptions): Watched {
	const { prefix, via, networks } = cluster;
	const { sources, intervalMs, log, signal } = options;
	const gateway = clusterGateway(via);
	const clock = createAlarmClock(signal);
	const signTrouble = complaints(log, `read the signs of life below ${prefix}`);
	const roundTrouble = complaints(log, `look after the agents below ${prefix}`);
	const pause = createAlarmClock(signal);
	const signs = leaseSource({ gateway, prefix, intervalMs, wait: pause.wait, ...signTrouble });
	const outlook = createOutlook([signs, ...sources]);
	const keeper = createKeeper({
		...options,
		gateway,
		prefix,
		outlook,
		cooldownMsOf: (network) => networks.find(({ name }) => name === network)?.place.cooldownMs ?? defaultCooldownMs,
	});
	const rounds = async () => {
		while (!signal.aborted) {
			try {
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
	return { outlook, clock, counts: keeper.counts, ended };
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

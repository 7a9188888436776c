import { Command, Option } from "commander";
import type { AgentSource } from "../../../cluster/agent-source.ts";
import { counted, countedAll } from "../../../cluster/agents/counted.ts";
import type { Grace } from "../../../cluster/agents/grace.ts";
import { graceOption, intervalOf, percentOf } from "../../agents/options.ts";
import { requireClusters } from "../../agents/require-clusters.ts";
import { serviceLog } from "../../agents/service-log.ts";
import { untilSignal } from "../../agents/until-signal.ts";
import { watchClusters } from "../../agents/watch-cluster.ts";

interface Options {
	readonly grace: Grace;
	readonly mostLost: number;
	readonly interval: number;
}

/** `cnictl agents watch` */
export function agentsWatchCommand(): Command {
	return new Command("watch")
		.description(
			"A service: marks agents that are lost, and releases what they hold when they have not come back within the grace " +
				"period. Several may run. Ends on SIGTERM.",
		)
		.addOption(graceOption("how long to wait for an agent's return"))
		.addOption(
			new Option("--most-lost <percent>", "of all agents: when more are lost at once, nothing of theirs is released")
				.argParser(percentOf)
				.default(0.5, "50"),
		)
		.addOption(new Option("--interval <duration>", "between two looks").argParser(intervalOf).default(10_000, "10s"))
		.addHelpText("after", "\nExample:\n  cnictl agents watch --grace 10m --grace databases=2h")
		.action(watch);
}

async function watch({ grace, mostLost, interval }: Options): Promise<void> {
	const now = Date.now;
	const log = serviceLog(now);
	const clusters = requireClusters("watch agents", log);
	for (const { via, prefix } of clusters) log(`watching the agents below ${prefix}, in etcd of network "${via.name}"`);
	const sources = openSources();
	try {
		await untilSignal(async (signal) => {
			const counts = await watchClusters(clusters, {
				sources,
				grace,
				mostLost,
				intervalMs: interval,
				now,
				log,
				signal,
			});
			log(`ended; it has released ${countedAll(counts)}, and settled ${counted(counts.agents, "lost agent")}`);
		});
	} finally {
		for (const source of sources) source[Symbol.dispose]();
	}
}

/** Who tells of agents beside their signs of life in etcd. */
function openSources(): readonly AgentSource[] {
	return [];
}

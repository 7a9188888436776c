import { Command, Option } from "commander";
import { counted, countedAll } from "../../../cluster/agents/counted.ts";
import type { Grace } from "../../../cluster/agents/grace.ts";
import { createAlarmClock } from "../../agents/alarm-clock.ts";
import { type MesosFlags, pluginExecutable, watchedMasterOf, withMesosFlags } from "../../agents/mesos-options.ts";
import { mesosSource } from "../../agents/mesos-source.ts";
import { graceOption, intervalOf, percentOf } from "../../agents/options.ts";
import { requireClusters } from "../../agents/require-clusters.ts";
import { serviceLog } from "../../agents/service-log.ts";
import { untilSignal } from "../../agents/until-signal.ts";
import { watchClusters } from "../../agents/watch-cluster.ts";

interface Options extends MesosFlags {
	readonly grace: Grace;
	readonly mostLost: number;
	readonly interval: number;
}

/** `cnictl agents watch` */
export function agentsWatchCommand(): Command {
	const command = new Command("watch")
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
		.addOption(new Option("--interval <duration>", "between two looks").argParser(intervalOf).default(10_000, "10s"));
	return withMesosFlags(command)
		.addHelpText(
			"after",
			"\nExamples:\n  cnictl agents watch --grace 10m --grace databases=2h\n" +
				"  cnictl agents watch --mesos-master http://10.0.0.5:5050 --mesos-master http://10.0.0.6:5050",
		)
		.action(watch);
}

async function watch(options: Options): Promise<void> {
	const { grace, mostLost, interval } = options;
	const now = Date.now;
	const log = serviceLog(now);
	const master = watchedMasterOf(options);
	const clusters = requireClusters("watch agents", log);
	for (const { via, prefix } of clusters) log(`watching the agents below ${prefix}, in etcd of network "${via.name}"`);
	await untilSignal(async (signal) => {
		const openSource =
			master &&
			((known: readonly string[]) =>
				mesosSource({
					executable: pluginExecutable(),
					master: { ...master, known },
					bell: createAlarmClock(signal),
					log,
				}));
		const counts = await watchClusters(clusters, {
			openSource,
			grace,
			mostLost,
			intervalMs: interval,
			now,
			elapsed: () => performance.now(),
			log,
			signal,
		});
		log(`ended; it has released ${countedAll(counts)}, and settled ${counted(counts.agents, "lost agent")}`);
	});
}

import { Command, InvalidArgumentError, Option } from "commander";
import { withdraw } from "../../../cluster/agents/reporter.ts";
import type { PluginRegistry } from "../../../cni/call.ts";
import { readText } from "../../../linux/files.ts";
import { writeStdout } from "../../../linux/stdio.ts";
import { bootId } from "../../../mesos/task/boot-id.ts";
import { releaseFormerLife } from "../../agents/former-life.ts";
import { membersOf } from "../../agents/members.ts";
import { durationOf } from "../../agents/options.ts";
import { findClusters } from "../../agents/read-agents.ts";
import { reportAgents } from "../../agents/report-agents.ts";
import { requireClusters } from "../../agents/require-clusters.ts";
import { serviceLog } from "../../agents/service-log.ts";
import { untilSignal } from "../../agents/until-signal.ts";
import { configDirectoryOf } from "../../attachment-command.ts";
import { clusterGateway } from "../../ipam/cluster-gateway.ts";
import { lookAround } from "../../ipam/look-around.ts";
import type { ClusterNetwork } from "../../ipam/networks.ts";
import { plainText } from "../../plain-text.ts";

interface Options {
	readonly sign: boolean;
	readonly ttl: number;
	readonly withdraw?: boolean;
}

/** `cnictl agents report` */
export function agentsReportCommand(plugins: PluginRegistry): Command {
	return new Command("report")
		.description(
			"A service for each agent: reports this host alive in etcd, and makes good what its plugins could not tell etcd. Who " +
				"has begun to report, and does not any more, is lost: its addresses are released. Ends on SIGTERM.",
		)
		.addOption(
			new Option("--ttl <duration>", "how long each sign of life lasts; it is renewed three times as often")
				.argParser(ttl)
				.default(30, "30s"),
		)
		.option("--no-sign", "give no sign of life: where a Mesos master tells of this agent")
		.option("--withdraw", "end the watch over this host, once the service has been stopped for good")
		.addHelpText("after", "\nExample:\n  cnictl agents report")
		.action(async (options: Options) => {
			if (options.withdraw) await withdrawAll();
			else await report({ ...options, plugins });
		});
}

async function report({
	sign: signs,
	ttl: ttlSeconds,
	plugins,
}: Options & { readonly plugins: PluginRegistry }): Promise<void> {
	const now = Date.now;
	const log = serviceLog(now);
	requireClusters("report this host alive", log);
	if (!signs) log("no sign of life is given; journals are made good");
	const begin = async (network: ClusterNetwork) => {
		const query = { configDirectory: configDirectoryOf(process.env), dataDirs: [], networks: [] };
		await releaseFormerLife(network, { look: () => lookAround(query, { minAge: minAgeSeconds, plugins }), log });
	};
	await untilSignal(async (signal) => {
		await reportAgents({
			members: currentMembers,
			begin,
			signs,
			ttlSeconds,
			host: hostname(),
			boot: bootId(),
			now,
			log,
			signal,
		});
		log(signs ? farewell(ttlSeconds) : "ended");
	});
}

function farewell(ttlSeconds: number): string {
	return (
		`ended; the last sign of life lasts for up to ${ttlSeconds} s. An agent that stays silent loses its addresses after the grace ` +
		"period, also while its containers run: `cnictl agents report --withdraw` ends the watch over it"
	);
}

/** As `cnictl doctor` has it by default. */
const minAgeSeconds = 60;

async function withdrawAll(): Promise<void> {
	for (const { agent, cluster } of currentMembers()) {
		const was = await withdraw(clusterGateway(cluster.via), { prefix: cluster.prefix, agent });
		const name = `agent ${plainText(agent)} below ${plainText(cluster.prefix)}`;
		writeStdout(was ? `${name} is not watched any more\n` : `${name} does not report\n`);
	}
}

function currentMembers() {
	return membersOf(findClusters().clusters.flatMap(({ networks }) => networks));
}

function hostname(): string {
	return readText("/proc/sys/kernel/hostname").trim();
}

function ttl(text: string): number {
	const seconds = durationOf(text) / 1000;
	if (seconds >= 5 && seconds <= 3600) return seconds;
	throw new InvalidArgumentError("It lasts from 5s to 1h.");
}

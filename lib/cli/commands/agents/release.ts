import { Command } from "commander";
import type { Grace } from "../../../cluster/agents/grace.ts";
import { CniError, ErrorCode } from "../../../cni/error.ts";
import { writeStdout } from "../../../linux/stdio.ts";
import { agentToJson, leftText } from "../../agents/agents-text.ts";
import { cooldownIn } from "../../agents/cooldown.ts";
import { graceOption } from "../../agents/options.ts";
import { type FoundAgent, readAgents } from "../../agents/read-agents.ts";
import { markByHand, releaseByHand } from "../../agents/release-by-hand.ts";
import { clusterGateway } from "../../ipam/cluster-gateway.ts";
import { blindDetails, inWhatWasSeen, reportBlind } from "../../ipam/common-options.ts";
import { plainJson, plainLine, plainText } from "../../plain-text.ts";

interface Options {
	readonly now?: boolean;
	readonly force?: boolean;
	readonly grace: Grace;
	readonly json?: boolean;
}

/** `cnictl agents release NAME` */
export function agentsReleaseCommand(): Command {
	return new Command("release")
		.description(
			"Says that an agent is lost: `cnictl agents watch` releases what it holds when it has not come back within the grace " +
				"period. With --now, that it will not come back: all that it holds is released at once.",
		)
		.argument("<name>", "the agent, as `cnictl agents` lists it")
		.option("--now", "release at once")
		.option(
			"--force",
			"with --now, also when the agent is alive: its containers share their addresses with others then",
		)
		.addOption(graceOption("without --now, how long `cnictl agents watch` is to wait for its return"))
		.addHelpText("after", "\nExample:\n  cnictl agents release a17 --now")
		.action((name: string, _options: Options, command: Command) => release(name, command.optsWithGlobals<Options>()));
}

async function release(name: string, options: Options): Promise<void> {
	const { agents, blind } = await readAgents();
	const agent = chooseAgent(name, { agents, blind });
	const objection = objectionTo(agent);
	const { now: atOnce = false, force = false } = options;
	if (objection !== undefined && !(atOnce && force)) {
		throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot release agent "${name}": ${objection}`, {
			details:
				"Stop it first. `--now --force` releases it nevertheless: its containers would share their addresses with others",
		});
	}
	if (atOnce) await releaseNow(agent, options);
	else await mark(agent, options);
	reportBlind(blind);
}

function chooseAgent(
	name: string,
	{ agents, blind }: { readonly agents: readonly FoundAgent[]; readonly blind: readonly string[] },
): FoundAgent {
	const [agent, other] = agents.filter((each) => each.agent === name);
	if (agent !== undefined && other === undefined) return agent;
	const cause =
		agent !== undefined
			? "several clusters have an agent of this name"
			: `no cluster of this host knows it${inWhatWasSeen(blind)}`;
	throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot release agent "${name}": ${cause}`, {
		details: [
			agent === undefined
				? "`cnictl agents` lists those there are; clusters are found by the networks in NETCONFPATH"
				: "Let NETCONFPATH name a directory with configurations of one of them",
			...blindDetails(blind),
		].join(". "),
	});
}

function objectionTo({ agent, alive, cluster }: FoundAgent): string | undefined {
	if (alive !== undefined) return `it reports itself alive${alive.host === "" ? "" : `, from host "${alive.host}"`}`;
	return cluster.networks.some(({ place }) => place.agent === agent) ? "it is this host" : undefined;
}

async function mark({ agent, cluster, ...seen }: FoundAgent, { grace, json }: Options): Promise<void> {
	const now = Date.now;
	const { prefix, via } = cluster;
	const { state, isNew } = await markByHand(clusterGateway(via), { prefix, agent, force: false, now, grace });
	const { lostSince = 0, releaseAt, releasedAt, gone } = state;
	if (json) {
		writeStdout(plainJson(agentToJson({ agent, cluster, ...seen, seen: { ...seen.seen, state } })));
		return;
	}
	const name = `agent ${plainText(agent)}`;
	if (releasedAt !== undefined)
		writeStdout(`${name} has been released already, at ${new Date(releasedAt).toISOString()}\n`);
	else {
		const how = isNew ? "is marked as lost now" : `has been marked as lost at ${new Date(lostSince).toISOString()}`;
		const left =
			gone === true ? "due" : releaseAt === undefined ? "after the grace period" : leftText(releaseAt, now());
		writeStdout(`${name} ${how}; \`cnictl agents watch\` releases what it holds: ${left}. --now does it at once\n`);
	}
}

async function releaseNow({ agent, cluster }: FoundAgent, { force = false, json = false }: Options): Promise<void> {
	const { prefix, via } = cluster;
	const done = await releaseByHand(clusterGateway(via), {
		prefix,
		agent,
		force,
		now: Date.now,
		cooldownMsOf: cooldownIn(cluster),
		log: (text) => {
			if (!json) writeStdout(`${plainLine(text)}\n`);
		},
	});
	if (json) writeStdout(plainJson({ agent, prefix, endpoints: cluster.endpoints, released: done }));
	else if (done.attachments === 0 && done.blocks === 0) writeStdout(`agent ${plainText(agent)} held nothing\n`);
}

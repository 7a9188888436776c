import { type AgentOverview, lifeOf } from "../../cluster/agents/overview.ts";
import { given } from "../../cni/given.ts";
import { formatAge } from "../format-age.ts";
import { formatTable } from "../format-table.ts";
import type { Cluster } from "../ipam/clusters.ts";
import { plainText } from "../plain-text.ts";

export interface ListedAgent extends AgentOverview {
	readonly cluster: Pick<Cluster, "prefix" | "endpoints">;
}

export function agentsText(agents: readonly ListedAgent[], now: number): string {
	if (agents.length === 0)
		return "No agent: no network of this host takes its addresses from a cluster, or nothing has been attached yet\n";
	const several = new Set(agents.map(({ cluster }) => cluster)).size > 1;
	const rows = agents.map((each) => [
		plainText(each.agent),
		stateText(each),
		sinceText(each, now),
		String(total(each, "attachments")),
		String(total(each, "addresses")),
		String(total(each, "blocks")),
		releaseText(each, now),
		...(several ? [plainText(each.cluster.prefix), each.cluster.endpoints.map(plainText).join(",")] : []),
	]);
	const heading = ["AGENT", "STATE", "SINCE", "ATTACHMENTS", "ADDRESSES", "BLOCKS", "RELEASED"];
	return formatTable([[...heading, ...(several ? ["PREFIX", "ENDPOINTS"] : [])], ...rows]);
}

export function agentToJson(each: ListedAgent): Record<string, unknown> {
	const { agent, cluster, seen, alive, reports, holdings } = each;
	const { lostSince, releaseAt, releaseAtIn = {}, releasedAt, why } = seen.state;
	return {
		agent,
		prefix: cluster.prefix,
		endpoints: cluster.endpoints,
		state: lifeOf(each),
		reports,
		...given("host", alive?.host),
		...given("aliveSince", timeText(alive?.since)),
		...given("lostSince", timeText(lostSince)),
		...given("why", why),
		...given("releaseAt", seen.state.gone === true ? undefined : timeText(releaseAt)),
		...(Object.keys(releaseAtIn).length === 0
			? {}
			: { releaseAtIn: Object.fromEntries(Object.entries(releaseAtIn).map(([name, time]) => [name, timeText(time)])) }),
		...given("releasedAt", timeText(releasedAt)),
		attachments: total(each, "attachments"),
		addresses: total(each, "addresses"),
		blocks: total(each, "blocks"),
		networks: holdings,
	};
}

function total({ holdings }: AgentOverview, what: "attachments" | "addresses" | "blocks"): number {
	return holdings.reduce((sum, each) => sum + each[what], 0);
}

function stateText(each: AgentOverview): string {
	const life = lifeOf(each);
	return life === "unknown" ? "-" : life;
}

function sinceText({ seen, alive }: AgentOverview, now: number): string {
	const since = alive?.since ?? seen.state.lostSince;
	return since === undefined ? "-" : formatAge(now - since);
}

/** When what it holds is, or was, released. */
function releaseText({ seen: { state }, alive }: AgentOverview, now: number): string {
	const { lostSince, gone, releaseAt, releaseAtIn = {}, releasedAt } = state;
	if (alive !== undefined || lostSince === undefined) return "-";
	if (releasedAt !== undefined) return `${formatAge(now - releasedAt)} ago`;
	if (gone === true) return "due";
	const times = [
		...(releaseAt === undefined ? [] : [leftText(releaseAt, now)]),
		...Object.entries(releaseAtIn).map(([network, time]) => `${plainText(network)} ${leftText(time, now)}`),
	];
	return times.join(", ") || "-";
}

/** `due`: whoever watches does it next. */
export function leftText(time: number, now: number): string {
	return time > now ? `in ${formatAge(time - now)}` : "due";
}

function timeText(milliseconds: number | undefined): string | undefined {
	return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}

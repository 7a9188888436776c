import { counted } from "../../cluster/agents/counted.ts";
import { createReporter, type Reporter } from "../../cluster/agents/reporter.ts";
import { quoteText } from "../../cni/quote-text.ts";
import { replayJournal } from "../../ipam/etcd-store/replay-journal.ts";
import { clusterGateway } from "../ipam/cluster-gateway.ts";
import type { ClusterNetwork } from "../ipam/networks.ts";
import { storeOptions } from "../ipam/store-options.ts";
import { createAlarmClock } from "./alarm-clock.ts";
import { type Member, memberKey } from "./members.ts";
import { type Complaints, complaints } from "./service-log.ts";

export interface ReportOptions {
	/** What this host is a member of, asked now and then: networks come and go. */
	readonly members: () => readonly Member[];
	/** Called once for each network, when etcd has heard of us; not waited for. */
	readonly begin: (network: ClusterNetwork) => Promise<void>;
	/** Whether to give signs of life at all. */
	readonly signs: boolean;
	readonly ttlSeconds: number;
	readonly host: string;
	readonly boot: string;
	readonly now: () => number;
	readonly log: (text: string) => void;
	/** Its end is that of the service. */
	readonly signal: AbortSignal;
}

/** Reports this host alive, and makes good what its plugins could not tell etcd, until the signal's end. */
export async function reportAgents(options: ReportOptions): Promise<void> {
	const { members, ttlSeconds, log, signal } = options;
	const pauseMs = (ttlSeconds * 1000) / 3;
	const clock = createAlarmClock(signal);
	const known = new Map<string, Membership>();
	const services: Promise<void>[] = [];
	const trouble = complaints(log, "read the networks of this host");
	while (!signal.aborted) {
		try {
			for (const membership of learn(known, members(), options)) {
				services.push(serve(membership, { ...options, pauseMs }));
			}
			trouble.succeeded();
		} catch (thrown) {
			trouble.failed(thrown);
		}
		await clock.wait(signsBetweenLooks * pauseMs);
	}
	await Promise.all(services);
}

/** The result cache, which has configurations too, may be large. */
const signsBetweenLooks = 6;

/**
 * Takes note of what this host is a member of; what is new of it. Whom it has been is reported until the service ends, also
 * without a configuration: a file that is being replaced, or was removed by mistake, must not cost containers their addresses.
 */
function learn(
	known: Map<string, Membership>,
	present: readonly Member[],
	options: ReportOptions,
): readonly Membership[] {
	return present.flatMap((member) => {
		const key = memberKey(member);
		const before = known.get(key);
		if (before !== undefined) {
			before.member = member;
			return [];
		}
		const membership = openMembership(member, options);
		known.set(key, membership);
		return [membership];
	});
}

/** Each by itself: an etcd that is away must not cost the others their signs of life. */
async function serve(membership: Membership, options: ReportOptions & { readonly pauseMs: number }): Promise<void> {
	const clock = createAlarmClock(options.signal);
	while (!options.signal.aborted) {
		if ((await attend(membership, options)) === 0) await clock.wait(options.pauseMs);
	}
}

interface Membership {
	member: Member;
	readonly reporter: Reporter;
	readonly trouble: Complaints;
	readonly journalTrouble: Complaints;
	readonly beginTrouble: Complaints;
	/** Names of networks that have been begun with. */
	readonly begun: Set<string>;
	/** Whom we have been heard to complain of. */
	rival: string;
}

function openMembership(member: Member, options: ReportOptions): Membership {
	const { agent, cluster } = member;
	const { prefix, via } = cluster;
	return {
		member,
		reporter: createReporter({ ...options, gateway: clusterGateway(via), prefix, agent }),
		trouble: complaints(options.log, `report agent ${quoteText(agent)} alive`),
		journalTrouble: complaints(options.log, `make good the journals of agent ${quoteText(agent)}`),
		beginTrouble: complaints(options.log, `release what agent ${quoteText(agent)} held before`),
		begun: new Set(),
		rival: "",
	};
}

/** One sign of life, and some of what was left undone; how many entries of journals wait. */
async function attend(membership: Membership, options: ReportOptions): Promise<number> {
	try {
		if (options.signs) await giveSign(membership, options);
		membership.trouble.succeeded();
	} catch (thrown) {
		membership.trouble.failed(thrown);
		return 0;
	}
	try {
		let left = 0;
		const { member, begun, reporter } = membership;
		// Somebody else of this name may live: what is from before our boot may be his.
		const mayBegin = member.networks.some(({ name }) => !begun.has(name)) && !(await reporter.isContested());
		for (const network of member.networks) {
			left += await makeGood(network, options.log);
			if (mayBegin) begin(network, { ...options, membership });
		}
		membership.journalTrouble.succeeded();
		return left;
	} catch (thrown) {
		membership.journalTrouble.failed(thrown);
		return 0;
	}
}

/** Beside the signs of life, as it may take longer than one lasts. */
function begin(network: ClusterNetwork, options: ReportOptions & { readonly membership: Membership }): void {
	const { begun, beginTrouble } = options.membership;
	if (begun.has(network.name)) return;
	begun.add(network.name);
	options.begin(network).then(beginTrouble.succeeded, (thrown) => {
		begun.delete(network.name);
		beginTrouble.failed(thrown);
	});
}

async function giveSign(membership: Membership, { log, ttlSeconds }: ReportOptions): Promise<void> {
	const { agent, cluster } = membership.member;
	const whose = `agent ${quoteText(agent)}`;
	const { began, other } = await membership.reporter.report();
	if (began) log(`${whose} is reported alive below ${quoteText(cluster.prefix)}, for ${ttlSeconds} s each time`);
	const rival = other === undefined ? "" : `host ${quoteText(other.host)} (boot ${quoteText(other.boot)})`;
	if (rival === "" || rival === membership.rival) return;
	membership.rival = rival;
	log(
		`${whose} is reported alive by ${rival} too: every agent needs a name of its own. If this one takes its place, what is from before ` +
			"this host's boot is released when the other has ended",
	);
}

async function makeGood(network: ClusterNetwork, log: (text: string) => void): Promise<number> {
	const { done, left } = await replayJournal(storeOptions(network));
	if (done > 0)
		log(
			`released for ${counted(done, "attachment")} of network ${quoteText(network.name)} what etcd could not be told of before`,
		);
	// Another call is at it.
	return done === 0 ? 0 : left;
}

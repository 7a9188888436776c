import { quoteText } from "../../cni/quote-text.ts";
import { EtcdError } from "../../etcd/error.ts";
import type { Gateway } from "../../etcd/gateway.ts";
import type { AgentState } from "../../ipam/etcd-store/agent.ts";
import { networksOf } from "../../ipam/etcd-store/networks-of.ts";
import { isAgentName } from "../agent-name.ts";
import { type Grace, graceIn, releaseTimes } from "./grace.ts";
import { agentKeys } from "./keys.ts";
import { type Clocks, lostTimes } from "./lost-times.ts";
import { readMarks, type SeenAgent, unseen, writeState } from "./mark.ts";
import { type MassLoss, massLossIn } from "./mass-loss.ts";
import type { Outlook, Verdict } from "./outlook.ts";
import { type Counts, releaseDue } from "./release-due.ts";

export interface KeeperOptions extends Clocks {
	readonly gateway: Gateway;
	readonly prefix: string;
	readonly outlook: Outlook;
	readonly grace: Grace;
	/** The share of agents up to which the lost ones lose what they hold: mass-loss.ts. */
	readonly mostLost: number;
	/** How long addresses of a network rest once they are released. */
	readonly cooldownMsOf: (network: string) => number;
	readonly log: (text: string) => void;
}

/** Looks after the agents of one prefix: several may do so at once, and each piece of work is done by one. */
export interface Keeper {
	/** One look at all agents, and what is to be done about them at this time. @throws EtcdError */
	round(): Promise<void>;
	/** What this keeper has released. */
	readonly counts: Readonly<Counts>;
}

export function createKeeper(options: KeeperOptions): Keeper {
	const { gateway, prefix, outlook, now, log } = options;
	const keys = agentKeys(prefix);
	const counts = { agents: 0, attachments: 0, addresses: 0, blocks: 0 };
	/** Agents that have been marked on somebody's word that they are gone. */
	const obeyed = new Set<string>();
	/** Those of them that have taken the mark off by an ADD: they are no more than lost now. */
	const contradicted = new Set<string>();
	const refused = new Set<string>();
	/** All agents as they were in the round before, or where we have taken off a mark, since. */
	let before: ReadonlyMap<string, SeenAgent> | undefined;
	const unmarked = new Map<string, SeenAgent>();
	const times = lostTimes(options);
	let massLoss: MassLoss | undefined;

	const look = async (seen: SeenAgent): Promise<void> => {
		const verdict = outlook.of(seen.agent);
		if (verdict?.state === "present") {
			obeyed.delete(seen.agent);
			contradicted.delete(seen.agent);
			if (seen.state.lostSince !== undefined) await unmark(seen, verdict);
			return;
		}
		const marked = await marking(seen, verdict);
		if (marked?.state.lostSince !== undefined && marked.state.releasedAt === undefined) await settle(marked);
	};

	/** The agent with the mark that the verdict asks for; undefined when somebody else has acted meanwhile. */
	const marking = async (seen: SeenAgent, verdict: Verdict | undefined): Promise<SeenAgent | undefined> => {
		const { agent, state } = seen;
		if (verdict === undefined) return seen;
		if (state.gone === true) obeyed.add(agent);
		else if (state.lostSince === undefined && verdict.state === "gone" && hasActed(seen)) contradicted.add(agent);
		const isGone = verdict.state === "gone" && !contradicted.has(agent);
		if (state.lostSince !== undefined && (state.gone === true || !isGone)) return seen;
		const time = now();
		const next: AgentState = {
			...releaseTimes(time, options.grace),
			...state,
			lostSince: state.lostSince ?? time,
			gone: isGone,
			why: verdict.reason,
		};
		const marked = await writeState(gateway, { keys, seen, state: next, unlessAlive: true });
		if (marked === undefined) return undefined;
		if (isGone) obeyed.add(agent);
		if (next.releasedAt !== undefined) return marked;
		const when = isGone ? "at once" : `at ${textOfTime(next.releaseAt ?? time)}, unless it is back by then`;
		log(
			`agent ${quoteText(agent)} is ${isGone ? "gone" : "lost"}: ${verdict.reason}. What it holds is released ${when}`,
		);
		return marked;
	};

	/** Whether an agent without a mark has taken one off: ours, or one that another keeper has set and we have not seen. */
	const hasActed = ({ agent, kv }: SeenAgent): boolean =>
		obeyed.has(agent) || (before !== undefined && before.get(agent)?.kv?.modRevision !== kv?.modRevision);

	const unmark = async (seen: SeenAgent, { reason, bySign = false }: Verdict): Promise<void> => {
		const { agent, state } = seen;
		// Another keeper, which has looked later, may have marked it because its sign has ended.
		const done = await writeState(gateway, { keys, seen, state: { lostSince: undefined }, ifAlive: bySign });
		if (done === undefined) return;
		unmarked.set(agent, done);
		const what =
			state.releasedAt === undefined
				? "it keeps what it holds"
				: `too late: what it held was released at ${textOfTime(state.releasedAt)}`;
		log(`agent ${quoteText(agent)} is back: ${reason}; ${what}`);
	};

	/** Releases what is due of a marked agent. */
	const settle = async (seen: SeenAgent): Promise<void> => {
		const { agent, state } = seen;
		const lostFor = times.of(seen, before !== undefined && before.get(agent)?.state.lostSince !== state.lostSince);
		const isDueIn = (network: string) => graceIn(state, { network, grace: options.grace }) <= lostFor;
		const others = Object.keys(state.releaseAtIn ?? {});
		if (!["", ...others, ...options.grace.ofNetworkMs.keys()].some(isDueIn)) return;
		if (state.gone !== true && massLoss !== undefined) return;
		// Who has not heard of all agents does not know whether this one is back.
		if (!outlook.isCurrent()) return;
		const networks = await networksOf(gateway, prefix);
		const due = networks.filter(isDueIn);
		const isStillLost = () => outlook.isCurrent() && outlook.of(agent)?.state !== "present";
		const result = await releaseDue(gateway, {
			...options,
			keys,
			seen,
			networks: due,
			isStillLost,
			unlessAlive: true,
			counts,
		});
		// A network that comes into being later has nothing of an agent that is lost.
		if (result === "done" && due.length === networks.length && isDueIn("")) await finish(seen);
	};

	const finish = async (seen: SeenAgent): Promise<void> => {
		const state = { ...seen.state, releasedAt: now() };
		const also = [{ remove: { key: keys.seen(seen.agent) } }];
		if ((await writeState(gateway, { keys, seen, state, unlessAlive: true, also })) === undefined) return;
		counts.agents++;
		log(`agent ${quoteText(seen.agent)}: nothing is left of what it held`);
	};

	const noteMassLoss = (found: MassLoss | undefined): void => {
		if (found !== undefined && massLoss === undefined) {
			log(
				`${found.lost} of ${found.all} agents are lost at once, more than ${Math.round(options.mostLost * 100)} %: nothing of theirs is released ` +
					"until fewer are, for the way to them may be what is broken. An operator's word releases one nevertheless: `cnictl agents release NAME --now`",
			);
		} else if (found === undefined && massLoss !== undefined)
			log("fewer agents are lost: what is theirs is released again when its time is over");
		massLoss = found;
	};

	const passOver = (agent: string): void => {
		if (!refused.has(agent)) log(`passing over an agent whose name is none: ${quoteText(agent)}`);
		refused.add(agent);
	};

	return {
		counts,
		async round() {
			const marks = await readMarks(gateway, keys);
			times.retain(marks);
			noteMassLoss(massLossIn(marks, options));
			const failures: unknown[] = [];
			for (const agent of new Set([...marks.keys(), ...outlook.agents()])) {
				if (!isAgentName(agent)) {
					passOver(agent);
					continue;
				}
				try {
					await look(marks.get(agent) ?? unseen(agent));
				} catch (thrown) {
					if (isAway(thrown)) throw thrown;
					// What is the matter with one agent must not keep the others waiting.
					failures.push(thrown);
				}
			}
			before = new Map([...marks, ...unmarked]);
			unmarked.clear();
			if (failures.length > 0) throw failures[0];
		},
	};
}

/** Whether etcd is, also where the error has been wrapped. */
function isAway(thrown: unknown): boolean {
	if (thrown instanceof EtcdError) return thrown.kind === "away";
	return thrown instanceof Error && thrown.cause !== undefined && isAway(thrown.cause);
}

function textOfTime(milliseconds: number): string {
	return new Date(milliseconds).toISOString();
}

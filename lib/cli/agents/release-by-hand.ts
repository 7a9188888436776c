import { type Grace, releaseTimes } from "../../cluster/agents/grace.ts";
import { agentKeys } from "../../cluster/agents/keys.ts";
import { readMarks, unseen, writeState } from "../../cluster/agents/mark.ts";
import { releaseDue } from "../../cluster/agents/release-due.ts";
import { CniError, ErrorCode } from "../../cni/error.ts";
import type { Gateway } from "../../etcd/gateway.ts";
import type { AgentState } from "../../ipam/etcd-store/agent.ts";
import { networksOf } from "../../ipam/etcd-store/networks-of.ts";

export interface ByHand {
	readonly prefix: string;
	readonly agent: string;
	/** Also while the agent reports itself alive. */
	readonly force: boolean;
	readonly now: () => number;
}

const operatorsWord = "an operator has said so";

/** Marks an agent as lost: its grace begins, unless it has begun already. The state that it has now. @throws CniError */
export async function markByHand(
	gateway: Gateway,
	{ prefix, agent, force, now, grace }: ByHand & { readonly grace: Grace },
): Promise<{ readonly state: AgentState; readonly isNew: boolean }> {
	const keys = agentKeys(prefix);
	for (let attempt = 0; attempt < mostRefusals; attempt++) {
		const seen = (await readMarks(gateway, keys)).get(agent) ?? unseen(agent);
		if (seen.state.lostSince !== undefined) return { state: seen.state, isNew: false };
		const time = now();
		const state = { lostSince: time, ...releaseTimes(time, grace), why: operatorsWord };
		const marked = await writeState(gateway, { keys, seen, state, unlessAlive: !force });
		if (marked !== undefined) return { state, isNew: true };
	}
	throw hasActed(agent);
}

export interface ReleasedByHand {
	readonly attachments: number;
	readonly addresses: number;
	readonly blocks: number;
}

/**
 * Marks an agent as gone, and releases all that it holds.
 *
 * @param options.log told of each release
 * @throws CniError when the agent has shown in between that it is alive
 */
export async function releaseByHand(
	gateway: Gateway,
	options: ByHand & { readonly cooldownMsOf: (network: string) => number; readonly log: (text: string) => void },
): Promise<ReleasedByHand> {
	const { prefix, agent, force, now } = options;
	const keys = agentKeys(prefix);
	const counts = { attachments: 0, addresses: 0, blocks: 0 };
	let refusals = 0;
	let wasMarked = false;
	for (let attempt = 0; attempt < mostAttempts && refusals < mostRefusals; attempt++) {
		const found = (await readMarks(gateway, keys)).get(agent) ?? unseen(agent);
		const { releasedAt, ...known } = found.state;
		// A service that does the same is welcome; the agent is not to have acted.
		if (wasMarked && releasedAt !== undefined) return counts;
		if (wasMarked && known.lostSince === undefined) break;
		const gone = { ...known, lostSince: known.lostSince ?? now(), gone: true, why: operatorsWord };
		const isMarked = wasMarked && known.gone === true;
		const seen = isMarked ? found : await writeState(gateway, { keys, seen: found, state: gone, unlessAlive: !force });
		if (seen === undefined) {
			refusals++;
			continue;
		}
		wasMarked = true;
		const networks = await networksOf(gateway, prefix);
		const isStillLost = () => true;
		const release = { ...options, keys, seen, networks, isStillLost, unlessAlive: !force, counts };
		if ((await releaseDue(gateway, release)) === "stopped") continue;
		const state = { ...seen.state, releasedAt: now() };
		const also = [{ remove: { key: keys.seen(agent) } }];
		if ((await writeState(gateway, { keys, seen, state, unlessAlive: !force, also })) !== undefined) return counts;
	}
	throw hasActed(agent);
}

/** Each time, somebody else has got on with it. */
const mostAttempts = 1000;
/** Others write the mark too. */
const mostRefusals = 3;

function hasActed(agent: string): CniError {
	return new CniError(
		ErrorCode.tryAgainLater,
		`Cannot release agent "${agent}": it has shown in this moment that it is alive`,
		{ details: "Stop what runs there, and look at `cnictl agents`" },
	);
}

import { type KeyValue, transact } from "../../etcd/kv.ts";
import type { Tags } from "../tags.ts";
import { parseAgent } from "./agent.ts";
import type { Predecessor } from "./plan.ts";
import { parseRecord } from "./record.ts";
import type { Store } from "./store.ts";

/**
 * Whether an address that is held may be taken over: its holder is the same task, which both say by a label, on another
 * agent, which is marked as lost.
 */
export async function findPredecessor(
	{ gateway, layout, options }: Store,
	{ held, tags }: { held: KeyValue; tags: Tags },
): Promise<Predecessor | undefined> {
	const record = parseRecord(held.value);
	const token = tokenIn(tags, options.tokenLabel);
	if (record === undefined || token === undefined || record.agent === options.agent) return undefined;
	if (tokenIn(record, options.tokenLabel) !== token) return undefined;
	const { reads } = await transact(gateway, {
		success: [{ read: { key: layout.agent(record.agent) } }, { read: { key: layout.owner(record.agent, record) } }],
	});
	const [agent, owner] = reads.map(({ found }) => found[0]);
	if (agent === undefined || owner === undefined || parseAgent(agent.value).lostSince === undefined) return undefined;
	return { address: held, owner, agent };
}

function tokenIn({ labels }: Tags, key: string): string | undefined {
	const value = labels.find((label) => label.key === key)?.value;
	return value === "" ? undefined : value;
}

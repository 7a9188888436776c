import type { Gateway } from "../../etcd/gateway.ts";
import { type KeyValue, prefixRange, transact } from "../../etcd/kv.ts";
import { readSnapshot } from "../../etcd/read-snapshot.ts";
import { parseBlock } from "../../ipam/etcd-store/block.ts";
import { networksOf } from "../../ipam/etcd-store/networks-of.ts";
import { parseOwner } from "../../ipam/etcd-store/record.ts";
import { agentKeys, agentOfKey, parseReport, type Report } from "./keys.ts";
import { readMarks, type SeenAgent, unseen } from "./mark.ts";

/** What etcd has of an agent. */
export interface AgentOverview {
	readonly agent: string;
	readonly seen: SeenAgent;
	/** Its sign of life, while it gives one. */
	readonly alive: Report | undefined;
	/** Whether it has promised to. */
	readonly reports: boolean;
	readonly holdings: readonly Holdings[];
}

/** What an agent holds of a network, in numbers. */
export interface Holdings {
	readonly network: string;
	readonly attachments: number;
	readonly addresses: number;
	readonly blocks: number;
}

/** Every agent of which a prefix has anything, by name. Reads what each attachment holds. @throws EtcdError */
export async function readOverview(
	gateway: Gateway,
	prefix: string,
	onPage: (network: string, done: number, all: number) => void = () => {},
): Promise<readonly AgentOverview[]> {
	const keys = agentKeys(prefix);
	const marks = await readMarks(gateway, keys);
	const { reads } = await transact(gateway, { success: [{ read: keys.allAlive }, { read: keys.allReports }] });
	const [alive, reports] = reads.map(({ found }) => new Map(found.map((kv) => [agentOfKey(kv.key), kv])));
	const holdings = new Map<string, Holdings[]>();
	for (const network of await networksOf(gateway, prefix)) {
		const root = prefixRange(`${prefix}/network/${network}/agent/`);
		const found = await readSnapshot(gateway, root, (done, all) => onPage(network, done, all));
		for (const [agent, own] of Map.groupBy(found, ({ key }) => key.slice(root.key.length).split("/")[0] ?? "")) {
			holdings.set(agent, [...(holdings.get(agent) ?? []), { network, ...count(own, root.key) }]);
		}
	}
	const names = new Set([...marks, ...(alive ?? []), ...(reports ?? []), ...holdings].map(([name]) => name));
	return [...names].sort().map((agent) => ({
		agent,
		seen: marks.get(agent) ?? unseen(agent),
		alive: reportIn(alive?.get(agent)),
		reports: reports?.has(agent) ?? false,
		holdings: holdings.get(agent) ?? [],
	}));
}

/** Who gives a sign of life that we do not understand is alive nevertheless. */
function reportIn(kv: KeyValue | undefined): Report | undefined {
	return kv === undefined ? undefined : (parseReport(kv.value) ?? { since: 0, host: "", boot: "" });
}

function count(own: readonly KeyValue[], root: string): Omit<Holdings, "network"> {
	const blocks = own.filter(
		({ key }) => key.slice(root.length).split("/")[1] === "block" && parseBlock(key) !== undefined,
	);
	const owners = own.filter(({ key }) => key.slice(root.length).split("/")[1] === "owner");
	const addresses = owners.reduce((sum, { value }) => sum + parseOwner(value).length, 0);
	return { attachments: owners.length, addresses, blocks: blocks.length };
}

export type Life = "alive" | "silent" | "lost" | "gone" | "unknown";

/**
 * `silent`: it has stopped to report, and nobody has marked it yet. `gone`: it will not come back, or everything that it held
 * has been released. `unknown`: it does not report, and nobody has said that it is lost.
 */
export function lifeOf({ seen: { state }, alive, reports }: AgentOverview): Life {
	if (alive !== undefined) return "alive";
	if (state.gone === true || state.releasedAt !== undefined) return "gone";
	if (state.lostSince !== undefined) return "lost";
	return reports ? "silent" : "unknown";
}

import { quoteText } from "../../cni/quote-text.ts";
import type { Gateway } from "../../etcd/gateway.ts";
import { read, readPages, transact } from "../../etcd/kv.ts";
import { formatAddress } from "../../ip/address.ts";
import { attachmentOfKey, layoutOf } from "../../ipam/etcd-store/layout.ts";
import type { AddressOwner, HeldAddress, NetworkKeys } from "../../ipam/etcd-store/read-network.ts";
import { parseOwner, parseRecord } from "../../ipam/etcd-store/record.ts";
import { examine } from "../doctor/examine.ts";
import type { FindingKind, Look } from "../doctor/finding.ts";
import { deadOwners } from "../ipam/check/dead-owners.ts";
import { clusterGateway } from "../ipam/cluster-gateway.ts";
import type { ClusterNetwork } from "../ipam/networks.ts";

/**
 * Releases what this agent holds from before the last boot of this host: from its former life, or from that of another
 * machine whose name it has taken over. No container outlives a boot; nevertheless whatever speaks for one is heard, as
 * `cnictl ipam check --fix` does.
 */
export async function releaseFormerLife(
	network: ClusterNetwork,
	{ look, log }: { readonly look: () => Look; readonly log: (text: string) => void },
): Promise<void> {
	const gateway = clusterGateway(network);
	const layout = layoutOf(network.place.prefix, network.name);
	const kind: FindingKind = {
		name: "cluster",
		async find(present) {
			const keys = await readBefore(gateway, { network, time: present.survey.bootedAt });
			return keys.owners.length === 0 ? [] : deadOwners({ network, keys, place: { gateway, layout }, look: present });
		},
	};
	// A look at the whole host, which is not needed as a rule.
	if (!(await holdsAnything(gateway, layout.ownersOf(network.place.agent)))) return;
	const { examined } = await examine(look(), { fix: true, kinds: [kind] });
	for (const { finding, outcome, problem } of examined) {
		const { containerId = "", ifName = "" } = finding.owner;
		const what = `${(finding.owner.addresses ?? []).map(formatAddress).join(" ")} of container ${quoteText(containerId)} (interface ${quoteText(ifName)}) on network ${quoteText(network.name)}`;
		if (outcome === "removed") log(`released ${what}: ${finding.verdict.reason}`);
		else if (outcome === "failed") log(`Cannot release ${what}: ${problem}`);
		else if (outcome === "found")
			log(`not released, although it was made before the last boot: ${what}: ${finding.verdict.reason}`);
	}
}

async function holdsAnything(
	gateway: Gateway,
	owners: { readonly key: string; readonly end: string },
): Promise<boolean> {
	return (await read(gateway, owners, { only: "count" })).count > 0;
}

/** What this agent holds that was made before a time, as far as its clock was right then. @throws EtcdError */
async function readBefore(
	gateway: Gateway,
	{ network, time }: { readonly network: ClusterNetwork; readonly time: number },
): Promise<NetworkKeys> {
	const { prefix, agent } = network.place;
	const layout = layoutOf(prefix, network.name);
	const owners: AddressOwner[] = [];
	const addresses: HeldAddress[] = [];
	for await (const page of readPages(gateway, layout.ownersOf(agent))) {
		for (const kv of page) {
			const claimed = parseOwner(kv.value);
			if (claimed.length === 0) continue;
			const { reads } = await transact(gateway, {
				success: claimed.map((address) => ({ read: { key: layout.address(address) } })),
			});
			const held = claimed.flatMap((address, index): HeldAddress[] => {
				const found = reads[index]?.found[0];
				return found === undefined ? [] : [{ address, record: parseRecord(found.value), kv: found }];
			});
			if (!held.every(({ record }) => record !== undefined && record.time < time)) continue;
			owners.push({ agent, owner: attachmentOfKey(kv.key), addresses: claimed, kv });
			addresses.push(...held);
		}
	}
	return { addresses, owners, resting: [], blocks: [], indexedBlocks: [], pools: [], foreign: [] };
}

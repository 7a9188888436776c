import type { NetworkAttachment } from "../../../cni/attachment-tag.ts";
import { quoteText } from "../../../cni/quote-text.ts";
import { chainNameOf } from "../../../firewall/iptables/names.ts";
import { listOwnedChains, type OwnedChain } from "../../../firewall/iptables/owned-chains.ts";
import { portChainOf } from "../../../firewall/iptables/port-rules.ts";
import { lockFirewallIfKept } from "../../../state/firewall-records.ts";
import type { FindingKind, Look, Owner } from "../finding.ts";
import { judge } from "../judge.ts";

/** Chains of iptables' table nat, of either suite and either implementation: one for each container and network. */
export const iptablesChains: FindingKind = {
	name: "iptables chain",
	lock: lockFirewallIfKept,
	find(look) {
		const chains = listOwnedChains();
		const owners = chains.length === 0 ? new Map<string, NetworkAttachment>() : ownersByChain(look);
		return chains.flatMap((chain) => {
			const owner = ownerOfChain(chain, owners);
			const verdict = judge(owner, look);
			return [
				{
					key: chain.chain,
					what: `chain ${quoteText(chain.chain)} (${chain.what})`,
					where: chain.families.map((family) => `${family === 4 ? "iptables" : "ip6tables"} table nat`).join(" and "),
					owner,
					verdict,
					remove: chain.remove,
				},
			];
		});
	},
};

/** Whoever a witness gives the chain's name to is the owner, whatever the comment has been cut to. */
function ownersByChain({ survey }: Look): ReadonlyMap<string, NetworkAttachment> {
	return new Map(
		survey.witnesses.flatMap(({ attachment }) => [
			[chainNameOf(attachment), attachment] as const,
			[portChainOf(attachment), attachment] as const,
		]),
	);
}

function ownerOfChain({ chain, owner, addresses }: OwnedChain, owners: ReadonlyMap<string, NetworkAttachment>): Owner {
	const known = owners.get(chain) ?? owner;
	// Of whichever interface: those of one network share the chain.
	return { ...(known && { network: known.network, containerId: known.containerId }), addresses };
}

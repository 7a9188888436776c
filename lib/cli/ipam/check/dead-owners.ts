import { quoteText } from "../../../cni/quote-text.ts";
import { formatAddress } from "../../../ip/address.ts";
import type { AddressOwner } from "../../../ipam/etcd-store/read-network.ts";
import type { AddressRecord } from "../../../ipam/etcd-store/record.ts";
import { releaseSeen } from "../../../ipam/etcd-store/repair.ts";
import type { Finding, Look, Owner, Verdict } from "../../doctor/finding.ts";
import { judge } from "../../doctor/judge.ts";
import type { ClusterNetwork } from "../networks.ts";
import type { ClusterLook } from "./cluster-look.ts";
import { done } from "./done.ts";

/** What containers of this agent hold that do not live any more. Of those of others only their agents can tell. */
export function deadOwners({ network, keys, place, look }: ClusterLook): readonly Finding[] {
	const all = new Map(keys.addresses.map((each) => [formatAddress(each.address), each]));
	return keys.owners.flatMap((owner): Finding[] => {
		if (owner.agent !== network.place.agent) return [];
		const held = owner.addresses.flatMap((address) => {
			const each = all.get(formatAddress(address));
			return each?.record !== undefined && isOf(each.record, owner) ? [each] : [];
		});
		// What else it is said to hold is a matter of its own: owner-findings.ts.
		if (held.length === 0) return [];
		const since = Math.max(...held.map(({ record }) => record?.time ?? 0));
		const verdict = verdictOn(owner, { network, look, since });
		const restsUntil = () => Date.now() + network.place.cooldownMs;
		return [
			{
				key: `dead ${owner.kv.key} ${owner.kv.modRevision}`,
				what: `${held.length === 1 ? "address" : "addresses"} ${held.map(({ address }) => formatAddress(address)).join(" ")}`,
				where: quoteText(owner.kv.key),
				owner: ownerIn(network, owner),
				verdict,
				remedy: "release it",
				remove: () => done(releaseSeen(place, { owner: owner.kv, held, restsUntil: restsUntil() })),
			},
		];
	});
}

/**
 * Whether the container of an owner on this agent lives.
 *
 * @param options.since when it got its addresses, in milliseconds since the epoch
 */
export function verdictOn(
	owner: AddressOwner,
	{ network, look, since }: { readonly network: ClusterNetwork; readonly look: Look; readonly since: number },
): Verdict {
	const isBeforeBoot = since > 0 && since < look.survey.bootedAt;
	return judge(ownerIn(network, owner), look, {
		since,
		isAddress: true,
		...(isBeforeBoot ? { proof: "it was made before the last boot, which no container outlives" } : {}),
	});
}

export function isOf(record: AddressRecord, { agent, owner }: AddressOwner): boolean {
	return record.agent === agent && record.containerId === owner.containerId && record.ifName === owner.ifName;
}

function ownerIn({ name }: ClusterNetwork, { owner, addresses }: AddressOwner): Owner {
	return { network: name, ...owner, addresses };
}

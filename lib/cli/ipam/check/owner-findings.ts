import { quoteText } from "../../../cni/quote-text.ts";
import { formatAddress, type IpAddress, sameAddress } from "../../../ip/address.ts";
import type { AddressOwner, HeldAddress } from "../../../ipam/etcd-store/read-network.ts";
import { type AddressRecord, formatRecord } from "../../../ipam/etcd-store/record.ts";
import { rewriteOwner, without } from "../../../ipam/etcd-store/repair.ts";
import { noTags } from "../../../ipam/tags.ts";
import type { Finding, Verdict } from "../../doctor/finding.ts";
import type { ClusterLook } from "./cluster-look.ts";
import { isOf, verdictOn } from "./dead-owners.ts";
import { done } from "./done.ts";

/**
 * Addresses against what their owners are known to hold, in both directions. The store writes the two together, so that
 * wherever they differ something else has written.
 */
export function ownerFindings(given: ClusterLook): readonly Finding[] {
	const { keys, place } = given;
	const owners = new Map(keys.owners.map((owner) => [owner.kv.key, owner]));
	const held = new Map(keys.addresses.map((each) => [formatAddress(each.address), each]));
	const orphans = keys.addresses.flatMap(({ address, record, kv }): Finding[] => {
		if (record === undefined) return [];
		const key = place.layout.owner(record.agent, record);
		const owner = owners.get(key);
		if (owner?.addresses.some((other) => sameAddress(other, address))) return [];
		const addresses = [...(owner?.addresses ?? []), address];
		const seen = [
			{ key, kv: owner?.kv },
			{ key: kv.key, kv },
		];
		return [
			{
				key: `orphan ${kv.key} ${kv.modRevision}`,
				what: `address ${formatAddress(address)}, which neither DEL nor GC would find`,
				where: quoteText(kv.key),
				owner: { network: given.network.name, ...attachmentOf(record), addresses: [address] },
				verdict: { certainty: "sure", reason: "its key names an owner, and the owner's key does not name it" },
				remedy: "add it to what its owner is known to hold",
				remove: () => done(rewriteOwner(place, { key, addresses, seen })),
			},
		];
	});
	const claims = keys.owners.flatMap((owner) =>
		owner.addresses.flatMap((address) =>
			claimFinding(owner, { address, holder: held.get(formatAddress(address)), given }),
		),
	);
	return [...orphans, ...claims];
}

/** An owner that is said to hold an address which is free, or somebody else's. */
function claimFinding(
	owner: AddressOwner,
	{
		address,
		holder,
		given,
	}: { readonly address: IpAddress; readonly holder: HeldAddress | undefined; readonly given: ClusterLook },
): readonly Finding[] {
	const { network, place, look } = given;
	const { record } = holder ?? {};
	if (holder !== undefined && (record === undefined || isOf(record, owner))) return [];
	const isOurs = owner.agent === network.place.agent;
	const life = isOurs ? verdictOn(owner, { network, look, since: 0 }) : undefined;
	const addressKey = place.layout.address(address);
	const seen = [
		{ key: owner.kv.key, kv: owner.kv },
		{ key: addressKey, kv: holder?.kv },
	];
	const text = formatAddress(address);
	const common = {
		key: `claim ${owner.kv.key} ${owner.kv.modRevision} ${text}`,
		where: quoteText(owner.kv.key),
		owner: { network: network.name, ...owner.owner, addresses: [address] },
		what:
			record === undefined
				? `address ${text}, which is free in etcd`
				: `address ${text}, which container ${quoteText(record.containerId)} on agent ${quoteText(record.agent)} holds`,
	};
	if (life?.certainty === "lives" && record === undefined) {
		const value = formatRecord(address, { ...noTags, ...owner.owner, agent: owner.agent, time: Date.now() });
		const also = [{ put: addressKey, value }];
		return [
			{
				...common,
				verdict: { certainty: "sure", reason: "its container lives, and another could be given the address" },
				remedy: "reserve it for its owner again",
				remove: () => done(rewriteOwner(place, { key: owner.kv.key, addresses: owner.addresses, seen, also })),
			},
		];
	}
	return [
		{
			...common,
			verdict: claimVerdict(owner, life),
			remedy: "take it from what its owner is known to hold",
			remove: () =>
				done(rewriteOwner(place, { key: owner.kv.key, addresses: without(owner.addresses, address), seen })),
		},
	];
}

/** `life` is undefined where only the owner's agent can tell. */
function claimVerdict({ agent }: AddressOwner, life: Verdict | undefined): Verdict {
	if (life === undefined) {
		return { certainty: "unsure", reason: `agent ${quoteText(agent)} alone can tell whether its container lives` };
	}
	return life.certainty === "lives"
		? { certainty: "unsure", reason: "both containers may use it: attach this one anew" }
		: life;
}

function attachmentOf({ containerId, ifName }: AddressRecord) {
	return { containerId, ifName };
}

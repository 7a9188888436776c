import type { Attachment } from "../../../cni/plugin.ts";
import { type IpAddress, parseAddress, sameAddress } from "../../../ip/address.ts";
import type { Reservation } from "../../../ipam/store.ts";
import type { AddressPlan } from "../address-plan.ts";
import type { IpamNetwork } from "../networks.ts";

/** All that one attachment holds of a network: it is released together or not at all. */
export interface Holding {
	readonly network: IpamNetwork;
	/** Undefined for host-local. */
	readonly agent: string | undefined;
	readonly owner: Attachment;
	readonly addresses: readonly IpAddress[];
	/** When the last of them was given, in milliseconds since the epoch; undefined where that is not known. */
	readonly since: number | undefined;
}

/** The holdings of a container, or the one that an address is part of. */
export function holdingsOf(
	plans: readonly AddressPlan[],
	{ wanted, ifName }: { readonly wanted: string; readonly ifName: string | undefined },
): readonly Holding[] {
	const address = parseAddress(wanted);
	return plans
		.flatMap(({ network, reservations }) => group(network, reservations))
		.filter(({ owner, addresses }) =>
			address === undefined ? owner.containerId === wanted : addresses.some((other) => sameAddress(other, address)),
		)
		.filter(({ owner }) => ifName === undefined || owner.ifName === ifName);
}

function group(network: IpamNetwork, reservations: readonly Reservation[]): readonly Holding[] {
	const groups = Map.groupBy(reservations, ({ agent, owner }) =>
		JSON.stringify([agent, owner.containerId, owner.ifName]),
	);
	return [...groups.values()].flatMap((members) => {
		const [first] = members;
		if (first === undefined) return [];
		const times = members.flatMap(({ time }) => time ?? []);
		return [
			{
				network,
				agent: first.agent,
				owner: first.owner,
				addresses: members.map(({ address }) => address),
				since: times.length === 0 ? undefined : Math.max(...times),
			},
		];
	});
}

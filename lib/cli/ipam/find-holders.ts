import {
	formatAddress,
	formatPrefix,
	type IpAddress,
	parseAddress,
	prefixContains,
	sameAddress,
} from "../../ip/address.ts";
import { rangeOf } from "../../ipam/range-set.ts";
import type { Reservation } from "../../ipam/store.ts";
import type { Tags } from "../../ipam/tags.ts";
import { hasAll, parseLabelFilter } from "../addresses/tag-filter.ts";
import { plainText } from "../plain-text.ts";
import type { AddressPlan } from "./address-plan.ts";
import type { IpamNetwork } from "./networks.ts";

/** A reservation, and why it was found. */
export interface FoundHolder {
	readonly network: IpamNetwork;
	readonly reservation: Reservation;
	readonly by: "address" | "container" | "label" | "group";
}

/** Fewer characters begin too many ids. */
const leastBeginning = 4;

/**
 * The reservations of an address, of a container (its id, or four characters at least of its beginning), with a label
 * (`KEY` or `KEY=VALUE`), or in a group.
 */
export function findHolders(plans: readonly AddressPlan[], wanted: string): readonly FoundHolder[] {
	const address = parseAddress(wanted);
	return plans.flatMap(({ network, reservations }) =>
		reservations.flatMap((reservation): FoundHolder[] => {
			const by = matchOf(reservation, { wanted, address });
			return by === undefined ? [] : [{ network, reservation, by }];
		}),
	);
}

function matchOf(
	{ address, owner, tags }: Reservation,
	{ wanted, address: wantedAddress }: { readonly wanted: string; readonly address: IpAddress | undefined },
): FoundHolder["by"] | undefined {
	if (wantedAddress !== undefined) return sameAddress(address, wantedAddress) ? "address" : undefined;
	if (wanted === "") return undefined;
	const { containerId } = owner;
	if (containerId === wanted) return "container";
	if (wanted.length >= leastBeginning && containerId.startsWith(wanted)) return "container";
	return tagMatchOf(tags, wanted);
}

function tagMatchOf(tags: Tags, wanted: string): "label" | "group" | undefined {
	if (hasAll(tags, { labels: [parseLabelFilter(wanted)], groups: [] })) return "label";
	return tags.groups.includes(wanted) ? "group" : undefined;
}

/** What is known of an address that nobody holds: a sentence for each network in whose ranges it lies. */
export function describeUnheld(plans: readonly AddressPlan[], wanted: string): readonly string[] {
	const address = parseAddress(wanted);
	if (address === undefined) return [];
	return plans.flatMap(({ network, sets, resting, blocks }) => {
		const range = sets.flatMap((set) => rangeOf(set, address) ?? []).at(0);
		if (range === undefined) return [];
		const subject = `${formatAddress(address)} of network ${plainText(network.name)}`;
		if (sameAddress(range.gateway, address)) return [`${subject} is its gateway, which is given to nobody`];
		const block = blocks.find(({ block: { network: start, length } }) =>
			prefixContains({ address: start, length }, address),
		);
		const state = resting.some((other) => sameAddress(other, address)) ? "rests after its release" : "is free";
		const { network: start, length } = block?.block ?? { network: address, length: 0 };
		const place = `, in block ${formatPrefix({ address: start, length })} of agent ${plainText(block?.agent ?? "")}`;
		return [`${subject} ${state}${block === undefined ? "" : place}`];
	});
}

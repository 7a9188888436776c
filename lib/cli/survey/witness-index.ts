import { formatAddress, type IpAddress } from "../../ip/address.ts";
import type { HeardWitness } from "./heard-witness.ts";

/** Who tells of what: there may be thousands of each. */
export interface WitnessIndex {
	/** By what the tags of the attachment begin with. */
	ofAttachment(prefix: string): readonly HeardWitness[];
	ofContainer(containerId: string): readonly HeardWitness[];
	withAddress(address: IpAddress): readonly HeardWitness[];
}

export function indexWitnesses(witnesses: readonly HeardWitness[]): WitnessIndex {
	const byPrefix = Map.groupBy(witnesses, ({ prefix }) => prefix);
	const byContainer = Map.groupBy(witnesses, ({ attachment }) => attachment.containerId);
	const byAddress = new Map<string, HeardWitness[]>();
	for (const witness of witnesses) {
		for (const text of new Set(witness.addresses.map(formatAddress))) {
			const known = byAddress.get(text);
			if (known === undefined) byAddress.set(text, [witness]);
			else known.push(witness);
		}
	}
	return {
		ofAttachment: (prefix) => byPrefix.get(prefix) ?? [],
		ofContainer: (containerId) => byContainer.get(containerId) ?? [],
		withAddress: (address) => byAddress.get(formatAddress(address)) ?? [],
	};
}

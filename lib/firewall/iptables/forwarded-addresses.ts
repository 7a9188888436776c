import { formatAddress, type IpAddress, type IpPrefix } from "../../ip/address.ts";
import { lookIntoFilter } from "./filter-access.ts";
import { isNftForwardFiltered } from "./filter-in-use.ts";
import { forwardChain } from "./forward-chains.ts";
import { isLegacyInUse } from "./in-use.ts";
import type { Kind } from "./program.ts";

/** The addresses that rules of CNI-FORWARD are of, in both implementations and families. @throws CniError */
export function listForwardedAddresses(): readonly IpAddress[] {
	const found = ([4, 6] as const).flatMap((family) => {
		const kinds: readonly Kind[] = [
			...(isNftForwardFiltered(family) ? (["nft"] as const) : []),
			...(isLegacyInUse(family, "filter") ? (["legacy"] as const) : []),
		];
		return kinds.flatMap((kind) =>
			lookIntoFilter({ family, kind }, (table) =>
				table.rules(forwardChain).flatMap(({ source, destination }) => [...hostOf(source), ...hostOf(destination)]),
			),
		);
	});
	return [...new Map(found.map((address) => [formatAddress(address), address])).values()];
}

function hostOf(prefix: IpPrefix | undefined): readonly IpAddress[] {
	return prefix !== undefined && prefix.length === (prefix.address.family === 4 ? 32 : 128) ? [prefix.address] : [];
}

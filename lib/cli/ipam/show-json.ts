import { given } from "../../cni/given.ts";
import { formatAddress, formatPrefix } from "../../ip/address.ts";
import type { AddressPlan } from "./address-plan.ts";
import type { IpamNetwork } from "./networks.ts";
import { agentUsages, blockUsages, heldOutside, rangeUsages } from "./usage.ts";

/** What `cnictl ipam show --json` prints of a network. Sizes are texts: those of IPv6 are beyond the numbers of JSON. */
export function planToJson(plan: AddressPlan): Record<string, unknown> {
	return {
		...networkToJson(plan.network),
		held: plan.reservations.length,
		resting: plan.resting.length,
		heldOutside: heldOutside(plan),
		ranges: rangeUsages(plan).map(({ range, isAdded, size, held, resting }) => ({
			subnet: formatPrefix(range.subnet),
			start: formatAddress(range.start),
			end: formatAddress(range.end),
			gateway: formatAddress(range.gateway),
			...(isAdded ? { pool: true } : {}),
			size: String(size),
			held,
			resting,
		})),
		...(plan.network.type === "host-local"
			? {}
			: {
					agents: agentUsages(plan).map(({ agent, lostSince, blocks, held, elsewhere }) => ({
						agent,
						...given("lostSince", lostSince === undefined ? undefined : new Date(lostSince).toISOString()),
						blocks,
						held,
						heldInOtherBlocks: elsewhere,
					})),
					blocks: blockUsages(plan).map(({ block, agent, size, held }) => ({
						block: formatPrefix({ address: block.network, length: block.length }),
						agent,
						size: String(size),
						held,
					})),
				}),
	};
}

/** Which network it is. */
export function networkToJson(network: IpamNetwork): Record<string, unknown> {
	const { name: networkName, type } = network;
	if (network.type === "host-local") return { network: networkName, ipam: type, dataDir: network.dataDir };
	const { prefix, agent } = network.place;
	return { network: networkName, ipam: type, endpoints: network.config.ipam?.endpoints ?? [], prefix, agent };
}

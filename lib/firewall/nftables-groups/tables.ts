import type { Family } from "../../ip/address.ts";
import type { DataType } from "../../netlink/nftables/data-type.ts";
import type { ChainName, SetName } from "../../netlink/nftables/message.ts";
import type { NewSet } from "../../netlink/nftables/set.ts";

/** What is bridged. */
export const bridgeTable = { family: "bridge", table: "cni_groups" } as const;

/** What is routed. */
export const inetTable = { family: "inet", table: "cni_groups" } as const;

export const tables = [bridgeTable, inetTable] as const;
export const families = [4, 6] as const;
const addressTypes = { 4: "ipv4_addr", 6: "ipv6_addr" } as const satisfies Record<Family, DataType>;

/** Names of those for one family of IP end with its number. */
export type BridgeSet = "ports" | "classes" | "reachable" | `sources${Family}` | `addresses${Family}`;
export type InetSet =
	| "ports"
	| "bridges"
	| "classes"
	| `${"sources" | "addresses" | "published" | "reachable"}${Family}`;

export function bridgeSet(set: BridgeSet): SetName {
	return { ...bridgeTable, set };
}

export function inetSet(set: InetSet): SetName {
	return { ...inetTable, set };
}

/**
 * So many members can a host have. Sets that each packet is looked up in are made for so many at once, for lookups in
 * those that may grow take longer.
 */
const mostMembers = 16_384;
export const helpWhenFull =
	"16,384 interfaces of a host can be in groups. What is left over of others goes with: cnictl doctor --fix";
/** Beside its addresses, a member may send from none, and from the link-local one. */
const sourcesOfMember = { 4: 2, 6: 4 } as const;

/** The sets of the bridge table that are always there. */
export function bridgeSets(): readonly NewSet[] {
	return [
		{ ...bridgeSet("ports"), key: ["ifname"] },
		{ ...bridgeSet("classes"), key: ["ifname"], value: "verdict", size: mostMembers },
		{ ...bridgeSet("reachable"), key: ["ifname"] },
		...families.flatMap((family): readonly NewSet[] => [
			{
				...bridgeSet(`sources${family}`),
				key: ["ifname", "ether_addr", addressTypes[family]],
				size: mostMembers * sourcesOfMember[family],
			},
			{ ...bridgeSet(`addresses${family}`), key: [addressTypes[family]] },
		]),
	];
}

/** The sets of the inet table that are always there. */
export function inetSets(): readonly NewSet[] {
	return [
		{ ...inetSet("ports"), key: ["ifname"] },
		{ ...inetSet("bridges"), key: ["ifname"] },
		{ ...inetSet("classes"), key: ["ifname", "ether_addr"], value: "verdict", size: mostMembers },
		...families.flatMap((family): readonly NewSet[] => {
			const key = [addressTypes[family]];
			return [
				{ ...inetSet(`sources${family}`), key: ["ifname", ...key] },
				{ ...inetSet(`addresses${family}`), key },
				{ ...inetSet(`published${family}`), key },
				{ ...inetSet(`reachable${family}`), key },
			];
		}),
	];
}

/** The sets of a group's members: their ports, and their addresses of each family. */
export function groupSets(groupKey: string): Readonly<Record<"bridge" | Family, NewSet>> {
	return {
		bridge: { ...bridgeTable, set: `${groupPrefix.bridge}${groupKey}`, key: ["ifname"] },
		4: { ...inetTable, set: `${groupPrefix[4]}${groupKey}`, key: ["ipv4_addr"] },
		6: { ...inetTable, set: `${groupPrefix[6]}${groupKey}`, key: ["ipv6_addr"] },
	};
}

const groupPrefix = { bridge: "group_", 4: "group4_", 6: "group6_" } as const;

/** The group that the set is one of; undefined for other sets. */
export function groupKeyOf(set: string): string | undefined {
	return /^group[46]?_([0-9a-f]{32})$/.exec(set)?.[1];
}

/** The chains that interfaces of a class jump to, in each table. */
export function classChains(classKey: string): { readonly bridge: ChainName; readonly inet: ChainName } {
	const chain = `${classPrefix}${classKey}`;
	return { bridge: { ...bridgeTable, chain }, inet: { ...inetTable, chain } };
}

const classPrefix = "class_";

/** Whether the chain has the name of a class's. */
export function isClassChain(chain: string): boolean {
	return /^class_[0-9a-f]{32}$/.test(chain);
}

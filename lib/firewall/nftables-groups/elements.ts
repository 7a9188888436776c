import { attachmentPrefix, attachmentTag } from "../../cni/attachment-tag.ts";
import { addressToBytes, formatAddress, type IpAddress } from "../../ip/address.ts";
import { parseMac } from "../../netlink/mac.ts";
import { concatenate } from "../../netlink/nftables/data-type.ts";
import { interfaceName } from "../../netlink/nftables/frame.ts";
import type { Verdict } from "../../netlink/nftables/verdict.ts";
import type { GroupMember } from "../group-member.ts";
import type { PlacedElement } from "../owned-elements.ts";
import { type MemberClass, memberClass } from "./member-class.ts";
import { bridgeSet, classChains, families, groupSets, inetSet, inetTable } from "./tables.ts";

/** An element of a member, and what it is called in messages: few are ever named. */
export interface MemberElement extends PlacedElement {
	readonly name: () => string;
}

/** Everything that there is of a member, with its tag. */
export function elementsOf(member: GroupMember): readonly MemberElement[] {
	const [tag, owner] = [attachmentTag(member.attachment), attachmentPrefix(member.attachment)];
	const kind = memberClass(member);
	const atPort = isBridged(member) ? bridgedElements(member, kind) : unbridgedElements(member);
	return [...identityOf(member), ...atPort, ...routedElements(member, kind)].map(({ set, key, value, name }) => {
		// Those with a value jump, and the kernel walks over all of them: the shorter they are, the faster.
		const comment = value === undefined ? tag : owner;
		return { set, key, value, comment, name };
	});
}

/** The elements that only one member can have: its port and its addresses. */
export function identityOf(member: GroupMember): readonly MemberElement[] {
	const { port, addresses } = member;
	const addressSets = isBridged(member) ? [bridgeSet, inetSet] : [inetSet];
	return [
		{ set: portSet(member), key: interfaceName(port), name: () => `port "${port}"` },
		...addressSets.flatMap((setOf) =>
			addresses.map((address) => ({
				set: setOf(`addresses${address.family}`),
				key: addressToBytes(address),
				name: () => `address ${formatAddress(address)}`,
			})),
		),
		...(isBridged(member) ? linkLocalOf(member) : []).map((address) => ({
			set: bridgeSet("addresses6"),
			key: addressToBytes(address),
			name: () => `address ${formatAddress(address)}`,
		})),
	];
}

/** Where proven packets come from: shared by the containers of a bridge, and without a tag. */
export function bridgeElements({ bridges }: GroupMember): readonly PlacedElement[] {
	return bridges.map((name) => ({ set: inetSet("bridges"), key: interfaceName(name) }));
}

function portSet(member: GroupMember) {
	return isBridged(member) ? bridgeSet("ports") : inetSet("ports");
}

function isBridged({ bridges }: GroupMember): boolean {
	return bridges.length > 0;
}

function linkLocalOf({ linkLocal }: GroupMember): readonly IpAddress[] {
	return linkLocal === undefined ? [] : [linkLocal];
}

/** What packets have for a source before they have an address: DHCP, ARP probes, duplicate detection. */
const unspecified: readonly IpAddress[] = families.map((family) => ({ family, value: 0n }));

function sourcesOf(member: GroupMember): readonly IpAddress[] {
	return [...member.addresses, ...linkLocalOf(member), ...unspecified];
}

function bridgedElements(member: GroupMember, { groups, key: classKey }: MemberClass): readonly MemberElement[] {
	const { port, mac, outside } = member;
	const key = interfaceName(port);
	return [
		...sourcesOf(member).map((address) => ({
			set: bridgeSet(`sources${address.family}`),
			key: concatenate([key, macBytes(mac), addressToBytes(address)]),
			name: () => `source ${mac} ${formatAddress(address)} of port "${port}"`,
		})),
		...groups.map((group) => ({
			set: groupSets(group.key).bridge,
			key,
			name: () => `${group.name} of port "${port}"`,
		})),
		...(classKey === undefined
			? []
			: [
					{
						set: bridgeSet("classes"),
						key,
						value: jumpTo(classChains(classKey).bridge.chain),
						name: () => `class of port "${port}"`,
					},
				]),
		...(outside ? [{ set: bridgeSet("reachable"), key, name: () => `reachability of port "${port}"` }] : []),
	];
}

function unbridgedElements(member: GroupMember): readonly MemberElement[] {
	const { port } = member;
	return sourcesOf(member).map((address) => ({
		set: inetSet(`sources${address.family}`),
		key: concatenate([interfaceName(port), addressToBytes(address)]),
		name: () => `source ${formatAddress(address)} of port "${port}"`,
	}));
}

function routedElements(member: GroupMember, { groups, key: classKey }: MemberClass): readonly MemberElement[] {
	const { hostPorts, outside } = member;
	const ofAddresses = member.addresses.flatMap((address) => {
		const { family } = address;
		const key = addressToBytes(address);
		const whose = () => formatAddress(address);
		return [
			...groups.map((group) => ({ set: groupSets(group.key)[family], key, name: () => `${group.name} of ${whose()}` })),
			...(hostPorts
				? [{ set: inetSet(`published${family}`), key, name: () => `openness of host ports of ${whose()}` }]
				: []),
			...(outside ? [{ set: inetSet(`reachable${family}`), key, name: () => `reachability of ${whose()}` }] : []),
		];
	});
	return classKey === undefined ? ofAddresses : [...routedClass(member, classKey), ...ofAddresses];
}

/**
 * What the member is where its packets come to be routed. By hardware address, which both families have in common;
 * nobody else on a bridge has it, for the link-local address that belongs to it can be registered once.
 */
function routedClass(member: GroupMember, classKey: string): readonly MemberElement[] {
	const { port, mac, bridges } = member;
	return (isBridged(member) ? bridges : [port]).map((name) => ({
		set: inetSet("classes"),
		key: concatenate([interfaceName(name), macBytes(mac)]),
		value: jumpTo(classChains(classKey).inet.chain),
		name: () => `class of ${mac} at "${name}"`,
	}));
}

/** Whether it says of what class what is routed from a member is. */
export function isRoutedClass({ set }: PlacedElement): boolean {
	return set.family === inetTable.family && set.set === inetSet("classes").set;
}

function macBytes(mac: string): Uint8Array {
	return parseMac(mac) ?? new Uint8Array(6);
}

function jumpTo(chain: string): Verdict {
	return { kind: "verdict", verdict: "jump", chain };
}

import { type Chain, deleteChain, findChains, listChains } from "../../netlink/nftables/chain.ts";
import { listElements, type SetElement } from "../../netlink/nftables/element.ts";
import type { ChainName } from "../../netlink/nftables/message.ts";
import { flushChain, listRules } from "../../netlink/nftables/rule.ts";
import { deleteSet, hasSet, listSets } from "../../netlink/nftables/set.ts";
import type { Message } from "../../netlink/wire/message.ts";
import type { NetlinkSocket } from "../../netlink/wire/socket.ts";
import type { GroupMember } from "../group-member.ts";
import type { PlacedElement } from "../owned-elements.ts";
import { memberClass } from "./member-class.ts";
import { classChains, groupKeyOf, groupSets, isClassChain, tables } from "./tables.ts";

/*
 * Chains of classes and sets of groups that nobody is in any more. The kernel counts who jumps to a chain, and refuses
 * to delete one that is in use, so that nothing here can cut anybody off.
 */

/** What the member leaves behind, once its own elements are deleted in the same transaction. */
export function abandonedBy(
	socket: NetlinkSocket,
	{ member, own }: { member: GroupMember; own: readonly PlacedElement[] },
): readonly Message[] {
	const { groups, key } = memberClass(member);
	if (key === undefined) return [];
	const chains: readonly ChainName[] = Object.values(classChains(key));
	const jumps = (name: ChainName) =>
		own
			.filter(({ value }) => value !== undefined && "chain" in value && value.chain === name.chain)
			.filter(({ set }) => set.family === name.family).length;
	const found = findChains(socket, chains);
	const inUse = chains.some((name, index) => usesOf(socket, name, found[index]) > jumps(name));
	// Whoever is in the same class is in the same groups: they need no look then.
	if (inUse) return [];
	const isOwn = ({ comment }: SetElement) => own.some((element) => element.comment === comment);
	return [
		...chains.filter((_, index) => found[index] !== undefined).flatMap(removalOf),
		...groups.flatMap((group) => deletionOf(socket, { groupKey: group.key, isGoing: isOwn })),
	];
}

/** Everything of the kind, where somebody left more behind than the above could know. */
export function allAbandoned(socket: NetlinkSocket): readonly Message[] {
	const chains = tables.flatMap((table) => {
		const abandoned = listChains(socket, table)
			.map((chain) => ({ ...table, chain: chain.name, found: chain }))
			.filter(({ chain, found, ...name }) => isClassChain(chain) && usesOf(socket, { ...name, chain }, found) === 0);
		return abandoned.flatMap(removalOf);
	});
	const groupKeys = new Set(
		tables.flatMap((table) => Array.from(listSets(socket, table), groupKeyOf)).filter((key) => key !== undefined),
	);
	return [
		...chains,
		...Array.from(groupKeys).flatMap((groupKey) => deletionOf(socket, { groupKey, isGoing: () => false })),
	];
}

/** The sets of a group, when all that is in any of them is going: one of a family that nobody has is empty early. */
function deletionOf(
	socket: NetlinkSocket,
	{ groupKey, isGoing }: { groupKey: string; isGoing: (element: SetElement) => boolean },
): readonly Message[] {
	const sets = Object.values(groupSets(groupKey)).filter((set) => hasSet(socket, set));
	return sets.every((set) => listElements(socket, set).every(isGoing)) ? sets.map(deleteSet) : [];
}

/** Its rules go first: in the same transaction, the sets that they look into. */
function removalOf({ family, table, chain }: ChainName): readonly Message[] {
	const name = { family, table, chain };
	return [flushChain(name), deleteChain(name)];
}

/** How many elements jump to the chain. */
function usesOf(socket: NetlinkSocket, name: ChainName, found: Chain | undefined): number {
	return found === undefined ? 0 : found.uses - listRules(socket, name).length;
}

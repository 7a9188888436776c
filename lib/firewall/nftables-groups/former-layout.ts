import type { Family } from "../../ip/address.ts";
import { commit } from "../../netlink/nftables/batch.ts";
import { findChains } from "../../netlink/nftables/chain.ts";
import { addSet, deleteSet, hasSet } from "../../netlink/nftables/set.ts";
import type { NetlinkSocket } from "../../netlink/wire/socket.ts";
import type { GroupMember } from "../group-member.ts";
import { makeLayouts } from "../nftables-layout.ts";
import { additionsOf } from "../owned-elements.ts";
import { elementsOf, isRoutedClass } from "./elements.ts";
import { inetLayout } from "./inet-rules.ts";
import { memberClass } from "./member-class.ts";
import { classChains, families, inetSets, inetTable } from "./tables.ts";

/*
 * The table for what is routed used to have a map of classes for each family, by address: `classes4` and `classes6`.
 * Tables with running containers in them are brought into the present form without cutting anybody off: the new map is
 * filled while no rule looks into it, then rules and maps change in one transaction.
 */

const formerMap = (family: Family) => ({ ...inetTable, set: `classes${family}` });

/** Whether the table still has the form of before. */
export function isFormer(socket: NetlinkSocket): boolean {
	// They go together, so that one of them says it.
	return hasSet(socket, formerMap(4));
}

/** Brings the table into the present form; again after a crash is no harm. `members`: all that are on record. */
export function adoptFormer(socket: NetlinkSocket, members: readonly GroupMember[]): void {
	const present = presentClasses(socket, members);
	const classes = members
		.filter((member) => present.has(memberClass(member).key))
		.flatMap(elementsOf)
		.filter(isRoutedClass);
	commit(
		socket,
		inetSets()
			.filter(({ set }) => set === "classes")
			.map(addSet),
	);
	for (const message of additionsOf(classes)) commit(socket, [message]);
	commit(socket, [...makeLayouts(socket, [inetLayout()]).flat(), ...families.map(formerMap).map(deleteSet)]);
}

/** The classes whose chain is there: somebody may have flushed the rules. */
function presentClasses(socket: NetlinkSocket, members: readonly GroupMember[]): ReadonlySet<string | undefined> {
	const keys = [...new Set(members.map((member) => memberClass(member).key))].filter((key) => key !== undefined);
	const found = findChains(
		socket,
		keys.map((key) => classChains(key).inet),
	);
	return new Set(keys.filter((_, index) => found[index] !== undefined));
}

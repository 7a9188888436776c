import type { GroupMember } from "../group-member.ts";
import type { TableLayout } from "../nftables-layout.ts";
import { bridgeClass, bridgeLayout } from "./bridge-rules.ts";
import { inetClass, inetLayout } from "./inet-rules.ts";
import { memberClass } from "./member-class.ts";
import { families, groupSets } from "./tables.ts";

/** What has to be there for a member: the two tables, and in each of them its class and its groups. */
export interface MemberLayouts {
	readonly tables: readonly [bridge: TableLayout, inet: TableLayout];
	/** None for a member that nobody may talk with. */
	readonly own: readonly TableLayout[];
}

const tables = [bridgeLayout(), inetLayout()] as const;

export function layoutsFor(member: GroupMember): MemberLayouts {
	const [bridge, inet] = tables;
	const { groups, key } = memberClass(member);
	if (key === undefined) return { tables, own: [] };
	const groupKeys = groups.map((group) => group.key);
	const sets = groupKeys.map(groupSets);
	return {
		tables,
		own: [
			{ ...bridge, sets: sets.map((of) => of.bridge), chains: [bridgeClass(key, groupKeys)] },
			{
				...inet,
				sets: sets.flatMap((of) => families.map((family) => of[family])),
				chains: [inetClass(key, groupKeys)],
			},
		],
	};
}

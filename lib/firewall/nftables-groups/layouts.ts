import type { GroupMember } from "../group-member.ts";
import type { TableLayout } from "../nftables-layout.ts";
import { bridgeClass, bridgeLayout } from "./bridge-rules.ts";
import { inetClass, inetLayout } from "./inet-rules.ts";
import { memberClass } from "./member-class.ts";
import { families, groupSets } from "./tables.ts";

/** What has to be there for a member: both tables, and in them its class and its groups. */
export function layoutsFor(member: GroupMember): readonly TableLayout[] {
	const [bridge, inet] = [bridgeLayout(), inetLayout()];
	const { groups, key } = memberClass(member);
	if (key === undefined) return [bridge, inet];
	const groupKeys = groups.map((group) => group.key);
	const sets = groupKeys.map(groupSets);
	return [
		bridge,
		{ ...bridge, sets: sets.map((of) => of.bridge), chains: [bridgeClass(key, groupKeys)] },
		inet,
		{
			...inet,
			sets: sets.flatMap((of) => families.map((family) => of[family])),
			chains: [inetClass(key, groupKeys)],
		},
	];
}

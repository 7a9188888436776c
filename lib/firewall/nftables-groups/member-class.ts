import { classKey, groupKey, openGroupKey } from "../group-key.ts";
import type { GroupMember } from "../group-member.ts";

/** What a member has in common with all that are in the very same groups. */
export interface MemberClass {
	readonly groups: readonly { readonly key: string /** For messages. */; readonly name: string }[];
	/** Undefined for one that is in no group and not open: nobody may talk with it. */
	readonly key: string | undefined;
}

export function memberClass({ groups, open }: GroupMember): MemberClass {
	const all = groups.map((name) => ({ key: groupKey(name), name: `group ${JSON.stringify(name)}` }));
	if (all.length === 0 && open) all.push({ key: openGroupKey(), name: "openness" });
	return { groups: all, key: all.length === 0 ? undefined : classKey(all.map(({ key }) => key)) };
}

import { quoteText } from "../cni/quote-text.ts";
import type { GroupMember } from "./group-member.ts";

/** Whether one may begin to talk with another, and why: what the rules in the kernel come to, in words. */
export interface GroupVerdict {
	readonly may: boolean;
	readonly reason: string;
}

/** Somebody who talks or is talked to: a member, or what groups say nothing of. */
export interface GroupParty {
	/** For the reason: `container "c1"`, `192.0.2.7`. */
	readonly name: string;
	readonly member: GroupMember | undefined;
}

export function groupVerdict(from: GroupParty, to: GroupParty): GroupVerdict {
	if (from.member === undefined || to.member === undefined) return verdictOnOutside(from, to);
	if (from.member === to.member) return yes(`${to.name} is the same interface`);
	const [one, other] = [from.member, to.member];
	const common = one.groups.filter((group) => other.groups.includes(group));
	if (common.length > 0) return yes(`both are in ${names(common)}`);
	if (isOpen(one) && isOpen(other)) return yes(`both are in no group, and the default of their networks is "open"`);
	const reason = `${from.name} ${standing(one)}, ${to.name} ${standing(other)}`;
	return no(other.hostPorts ? `${reason}; ports of the host that lead to ${to.name} are open to everybody` : reason);
}

function verdictOnOutside(from: GroupParty, { name, member }: GroupParty): GroupVerdict {
	const outside = (who: string) => `groups say nothing of ${who}`;
	if (member === undefined) {
		return yes(from.member === undefined ? `${outside(from.name)} nor of ${name}` : outside(name));
	}
	if (member.outside) return yes(`${outside(from.name)}, and ${name} is open to the outside`);
	const answers = `may only answer ${from.name}`;
	const reason = `${outside(from.name)}, and ${name} ${answers}: "outside" is "closed"`;
	return no(member.hostPorts ? `${reason}; ports of the host that lead to it are open to everybody` : reason);
}

function standing(member: GroupMember): string {
	if (member.groups.length > 0) return `is in ${names(member.groups)}`;
	return `is in no group, and its default is "${member.open ? "open" : "closed"}"`;
}

function isOpen({ groups, open }: GroupMember): boolean {
	return groups.length === 0 && open;
}

function names(groups: readonly string[]): string {
	return groups.map(quoteText).join(", ");
}

function yes(reason: string): GroupVerdict {
	return { may: true, reason };
}

function no(reason: string): GroupVerdict {
	return { may: false, reason };
}

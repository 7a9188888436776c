import { Command } from "commander";
import { quoteText } from "../../cni/quote-text.ts";
import type { GroupMember } from "../../firewall/group-member.ts";
import { recordedMembers } from "../../firewall/group-record.ts";
import { type GroupParty, type GroupVerdict, groupVerdict } from "../../firewall/group-verdict.ts";
import { missingGroups } from "../../firewall/groups.ts";
import { formatAddress, parseAddress, sameAddress } from "../../ip/address.ts";
import { writeStdout } from "../../linux/stdio.ts";
import { formatTable } from "../format-table.ts";
import { plainText } from "../plain-text.ts";

/** `cnictl groups` and `cnictl groups may A B` */
export function groupsCommand(): Command {
	const may = new Command("may")
		.description("Says whether A may begin to talk with B, and why. A and B are container ids or addresses.")
		.argument("<a>", "container id or address")
		.argument("<b>", "container id or address")
		.option("--json", "print JSON")
		.exitOverride()
		.action((a: string, b: string, _: unknown, command: Command) =>
			mayTalk(a, { b, json: command.optsWithGlobals<{ json?: boolean }>().json ?? false }),
		);
	return new Command("groups")
		.description("Shows which containers are in which groups, as the plugin groups has it on this host.")
		.option("--json", "print JSON")
		.addCommand(may)
		.action(({ json }: { json?: boolean }) => list(json ?? false));
}

function list(json: boolean): void {
	const members = recordedMembers().map((member) => ({ member, missing: missingGroups(member) }));
	if (json) {
		const shown = members.map(({ member, missing }) => ({ ...toJson(member), missing }));
		writeStdout(`${JSON.stringify({ members: shown }, null, "\t")}\n`);
		return;
	}
	if (members.length === 0) {
		writeStdout("Groups decide about no interface on this host\n");
		return;
	}
	const rows = members.map(({ member, missing }) => [
		member.attachment.network,
		plainText(member.attachment.containerId),
		plainText(member.attachment.ifName),
		member.addresses.map(formatAddress).join(","),
		member.groups.length > 0 ? member.groups.map(quoteText).join(",") : standing(member),
		missing.length === 0 ? "ok" : `${missing.length} missing`,
	]);
	writeStdout(formatTable([["NETWORK", "CONTAINER", "INTERFACE", "ADDRESSES", "GROUPS", "STATE"], ...rows]));
	if (members.some(({ missing }) => missing.length > 0)) {
		writeStdout("\nSomebody changed the firewall's rules: `cnictl firewall reload` puts back what is missing\n");
	}
}

function standing({ open }: GroupMember): string {
	return open ? "(open)" : "(closed)";
}

function toJson({ attachment, addresses, linkLocal, ...member }: GroupMember): Record<string, unknown> {
	return {
		...attachment,
		...member,
		addresses: addresses.map(formatAddress),
		...(linkLocal === undefined ? {} : { linkLocal: formatAddress(linkLocal) }),
	};
}

function mayTalk(a: string, { b, json }: { b: string; json: boolean }): void {
	const members = recordedMembers();
	const verdict = bestOf(partiesOf(a, members), partiesOf(b, members));
	if (json) writeStdout(`${JSON.stringify({ from: a, to: b, ...verdict }, null, "\t")}\n`);
	else writeStdout(`${verdict.may ? "yes" : "no"}: ${verdict.reason}\n`);
}

/** A container may have several interfaces: it may talk when one of them may. */
function bestOf(from: readonly GroupParty[], to: readonly GroupParty[]): GroupVerdict {
	const verdicts = from.flatMap((one) => to.map((other) => groupVerdict(one, other)));
	const yes = verdicts.find(({ may }) => may);
	return yes ?? { may: false, reason: verdicts.map(({ reason }) => reason).join("; ") };
}

function partiesOf(text: string, members: readonly GroupMember[]): readonly GroupParty[] {
	const address = parseAddress(text);
	const meant = members.filter(
		({ attachment, addresses, linkLocal }) =>
			attachment.containerId === text ||
			(address !== undefined && [...addresses, linkLocal].some((own) => own && sameAddress(own, address))),
	);
	if (meant.length === 0 && address === undefined) {
		throw new Error(
			`Cannot find "${text}": groups decide about no interface of a container of that id on this host, and it is no address. \`cnictl groups\` lists them`,
		);
	}
	if (meant.length === 0) return [{ name: text, member: undefined }];
	return meant.map((member) => ({ name: nameOf(member, meant.length > 1), member }));
}

function nameOf({ attachment: { containerId, ifName } }: GroupMember, several: boolean): string {
	return several ? `interface "${ifName}" of container "${containerId}"` : `container "${containerId}"`;
}

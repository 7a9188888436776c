import { attachmentPrefix } from "../../../cni/attachment-tag.ts";
import { isSameRecord, removeRules } from "../../../firewall/remove-rules.ts";
import { listTaggedRules, type TaggedRules } from "../../../firewall/tagged-rules.ts";
import {
	type FirewallRecord,
	listRecords,
	lockFirewallIfKept,
	type RecordKind,
	readRecord,
	recordedAt,
	recordKinds,
	recordOf,
	removeRecord,
} from "../../../state/firewall-records.ts";
import { wordsOfKind } from "../../survey/firewall-witnesses.ts";
import type { Finding, FindingKind, Look, Owner } from "../finding.ts";
import { judge } from "../judge.ts";

/**
 * What the firewall holds for attachments, on record or not: rules and elements of nftables by their tags, and by the
 * record also what lies in iptables and firewalld.
 */
export const firewallRules: readonly FindingKind[] = recordKinds.map((kind) => ({
	name: wordsOfKind[kind],
	find(look: Look) {
		const tagged = listTaggedRules().filter((rules) => rules.kind === kind);
		const byName = new Map(tagged.map((rules) => [rules.owner.prefix, rules]));
		return [...new Set([...listRecords(kind), ...byName.keys()])].flatMap((name) => {
			const record = readRecord(kind, name);
			return findingOf(name, { kind, rules: byName.get(name), record, look }) ?? [];
		});
	},
}));

interface Found {
	readonly kind: RecordKind;
	readonly rules: TaggedRules | undefined;
	readonly record: FirewallRecord | undefined;
	readonly look: Look;
}

function findingOf(prefix: string, { kind, rules, record, look }: Found): Finding | undefined {
	const [witness] = look.survey.witnessIndex.ofAttachment(prefix);
	const attachment = record?.attachment ?? rules?.owner.attachment ?? witness?.attachment;
	const owner: Owner = { prefix, addresses: rules?.addresses, ...attachment };
	const verdict = judge(owner, look, {
		since: recordedAt(kind, prefix),
		...(rules === undefined && record === undefined ? { proof: incomplete } : {}),
	});
	return {
		key: prefix,
		what: whatOf(kind, rules),
		where: rules === undefined ? "the firewall's records" : `nftables table ${rules.tables.join(" and ")}`,
		owner,
		verdict,
		async remove() {
			if (attachment === undefined || attachmentPrefix(attachment) !== prefix) return removeUnread(kind, prefix);
			const onlyIf = () =>
				record === undefined ? recordOf(kind, attachment) === undefined : isSameRecord(kind, record);
			await removeRules(kind, { attachment, log: look.log, onlyIf });
		},
	};
}

/** A record that tells of nobody: unless an ADD has written it anew. */
function removeUnread(kind: RecordKind, prefix: string): void {
	using _ = lockFirewallIfKept();
	if (readRecord(kind, prefix) === undefined) removeRecord(kind, prefix);
}

/** Only a record that was begun and is not whole, or is damaged. */
const incomplete = "an ADD was killed before its record was whole, and no rule is there";

function whatOf(kind: RecordKind, rules: TaggedRules | undefined): string {
	if (rules === undefined) return `record of ${wordsOfKind[kind]}`;
	const noun = kind === "masquerade" ? "rule" : "element";
	return `${rules.count} ${noun}${rules.count === 1 ? "" : "s"}`;
}

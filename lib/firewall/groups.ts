import { attachmentPrefix, type NetworkAttachment } from "../cni/attachment-tag.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import { everyOne } from "../cni/every-one.ts";
import type { Rollback } from "../cni/plugin.ts";
import type { Shared } from "../cni/shared.ts";
import {
	collectRecords,
	lockFirewall,
	lockFirewallIfKept,
	type RecordOwner,
	recordOf,
	removeRecord,
	writeRecord,
} from "../state/firewall-records.ts";
import { isSandboxGone } from "../state/sandbox-identity.ts";
import type { GroupBackend, GroupHolder } from "./group-backend.ts";
import type { GroupMember } from "./group-member.ts";
import { recordedMember, recordMember } from "./group-record.ts";
import { nftablesGroups } from "./nftables-groups.ts";
import { nftablesOf, withNftables } from "./nftables-session.ts";
import type { Removal } from "./removal.ts";

/**
 * Lets groups decide about the member's traffic; when it is so already, nothing changes. A port or an address that
 * another attachment has is taken over when that one's container is surely gone, and refused otherwise.
 *
 * @throws CniError
 */
export function applyGroups(
	owner: RecordOwner,
	{ member, rollback, shared }: { member: GroupMember; rollback: Rollback; shared?: Shared },
): void {
	const backend = nftablesGroups(nftablesOf(shared));
	using _ = lockFirewall();
	const { others, own } = backend.holders(member);
	takeOver(backend, others);
	const record = recordOf("groups", owner);
	const previous = record === undefined ? undefined : recordedMember(record);
	rollback.push("groups", () => {
		if (previous === undefined) return removeGroups(owner, { shared });
		writeRecord("groups", { owner, rules: recordMember(previous) });
		backend.apply(previous, { previous: member });
	});
	writeRecord("groups", { owner, rules: recordMember(member) });
	backend.apply(member, { previous, isNew: previous === undefined && !own });
}

/** The same without asking who else has what, and without a record: for what is on record. @throws CniError */
export function putGroups(member: GroupMember): void {
	nftablesGroups(withNftables).apply(member, { repair: true });
}

/** What is missing of what {@link applyGroups} made, in words. @throws CniError */
export function missingGroups(member: GroupMember): readonly string[] {
	return nftablesGroups(withNftables).verify(member);
}

/** @throws CniError that names everything that is missing of what {@link applyGroups} made */
export function verifyGroups(member: GroupMember): void {
	const missing = missingGroups(member);
	if (missing.length === 0) return;
	const { network, containerId, ifName } = member.attachment;
	throw new CniError(
		ErrorCode.internal,
		`Cannot find the groups of interface "${ifName}" of container "${containerId}" on network "${network}": ${missing.join("; ")} missing`,
		{ details: "Somebody changed the host's firewall rules: `cnictl firewall reload` puts them back" },
	);
}

/** Removes what is there of the attachment; nothing there is success. @throws CniError */
export function removeGroups(attachment: NetworkAttachment, { onlyIf, shared }: Removal = {}): void {
	using _ = lockFirewallIfKept();
	if (onlyIf?.() === false) return;
	const record = recordOf("groups", attachment);
	const known = record === undefined ? undefined : recordedMember(record);
	nftablesGroups(nftablesOf(shared)).remove(attachment, known);
	removeRecord("groups", attachmentPrefix(attachment));
}

/** Removes what the network still has of attachments that are not among the valid ones. @throws CniError */
export function collectGroups(network: string, validAttachments: readonly Omit<NetworkAttachment, "network">[]): void {
	using _ = lockFirewallIfKept();
	everyOne(
		[
			() => nftablesGroups(withNftables).collect(network, validAttachments),
			() => collectRecords("groups", { network, valid: validAttachments }),
		],
		(collect) => collect(),
	);
}

/** Whether an ADD could succeed on this host; nothing is changed. @throws CniError */
export function probeGroups(): void {
	nftablesGroups(withNftables).probe();
}

function takeOver(backend: GroupBackend, holders: readonly GroupHolder[]): void {
	const gone = new Map<string, GroupMember>();
	for (const holder of holders) {
		const record = holder.record();
		const member = record === undefined ? undefined : recordedMember(record);
		if (record === undefined || member === undefined || !isSandboxGone(record.sandbox)) throw refusal(holder);
		gone.set(attachmentPrefix(member.attachment), member);
	}
	for (const [name, member] of gone) {
		backend.remove(member.attachment, member);
		removeRecord("groups", name);
	}
}

function refusal({ what, description }: GroupHolder): CniError {
	return new CniError(ErrorCode.internal, `Cannot let groups decide about ${what}: ${description} has it`, {
		details: "Two networks of a host cannot give the same address. Delete that attachment if its container is gone",
	});
}

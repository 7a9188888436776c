import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import type { FirewallRecord } from "../state/firewall-records.ts";
import type { GroupMember } from "./group-member.ts";

/** Somebody who has a port or an address that is wanted. */
export interface GroupHolder {
	/** For messages: `the attachment "net: app, if: eth0, id: c1"`. */
	readonly description: string;
	/** What is held, for messages: `address 10.1.2.3`. */
	readonly what: string;
	/** What is on record of it. */
	record(): FirewallRecord | undefined;
}

export interface GroupHolders {
	readonly others: readonly GroupHolder[];
	/** Whether the attachment itself has any of it. */
	readonly own: boolean;
}

export interface GroupChange {
	/** Of the member's port and addresses, the kernel has none: asked under the same lock. */
	readonly isNew?: boolean;
	/** What the attachment was before, of which nothing else may stay. */
	readonly previous?: GroupMember | undefined;
	/** Reads every rule that all members share, and writes anew what is not as it should be. */
	readonly repair?: boolean;
}

/** The seam: who keeps groups in the kernel. One implementation so far: only nf_tables can judge what is bridged. */
export interface GroupBackend {
	/** Who has the member's port or one of its addresses. */
	holders(member: GroupMember): GroupHolders;
	/** Makes it so in one transaction; again is no change. */
	apply(member: GroupMember, change?: GroupChange): void;
	/** What is missing, in words that name each thing; empty when all is as `apply` leaves it. */
	verify(member: GroupMember): readonly string[];
	/**
	 * Removes what is there of the attachment in one transaction; nothing there is success.
	 *
	 * @param known what it was; undefined where nothing is known, and it has to be searched
	 */
	remove(attachment: NetworkAttachment, known: GroupMember | undefined): void;
	/** Removes what is there of the network, except of the attachments that are valid. */
	collect(network: string, valid: readonly Omit<NetworkAttachment, "network">[]): void;
	/** Whether this kernel can hold it; nothing is changed. @throws CniError */
	probe(): void;
}

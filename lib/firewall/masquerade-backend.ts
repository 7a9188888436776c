import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import type { IpPrefix } from "../ip/address.ts";

/** What an attachment's masquerading consists of, in whichever backend. */
export interface Masquerade {
	readonly attachment: NetworkAttachment;
	/** The container's addresses; traffic to their own networks and to multicast groups keeps its source. */
	readonly addresses: readonly IpPrefix[];
}

/** The seam: who puts masquerading into the kernel. The contract suite holds every implementation to the same laws. */
export interface MasqueradeBackend {
	/** Makes it so in one transaction (one for each family where the backend has one for each); again is no change. */
	apply(masquerade: Masquerade): void;
	/** What is missing, in words that name each thing; empty when all is as `apply` leaves it. */
	verify(masquerade: Masquerade): readonly string[];
	/**
	 * Removes what is there of the attachment; nothing there is success. The addresses, where they are known, tell apart
	 * two interfaces of one container on one network where the backend's names do not.
	 */
	remove(attachment: NetworkAttachment, addresses?: readonly IpPrefix[]): void;
	/** What the network has, whoever made it. */
	list(network: string): readonly MasqueradeEntry[];
}

/** What one attachment has in a backend. */
export interface MasqueradeEntry {
	/** For messages. */
	readonly description: string;
	isOf(attachment: NetworkAttachment): boolean;
	remove(): void;
}

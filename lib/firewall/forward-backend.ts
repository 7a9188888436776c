import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import type { IpAddress } from "../ip/address.ts";

/** What an attachment needs of the host's filter for forwarded traffic, in whichever backend. */
export interface Forward {
	readonly attachment: NetworkAttachment;
	/** The container's addresses. */
	readonly addresses: readonly IpAddress[];
	/**
	 * Whether everything that the addresses send, and answers to it, shall be accepted; false where somebody else does
	 * that (firewalld), and only the ingress policy is wanted.
	 */
	readonly accept: boolean;
	/**
	 * The host's interface that leads to the container: what was sent to a port of the host and translated may go there.
	 * iptables only: shared by all containers behind a bridge. nftables goes by the addresses.
	 */
	readonly outlet: string | undefined;
	/** The chain whose rules an administrator writes, to be asked before ours; iptables only. */
	readonly adminChain: string;
	/** What keeps others out; undefined: nothing, or somebody else does. */
	readonly ingress: Ingress | undefined;
	/**
	 * Ports of bridges that lead to the container, and must not lead to another container with such ports; nftables
	 * only, which alone sees what a bridge passes on itself.
	 */
	readonly isolatedPorts: readonly string[];
}

/**
 * Who may reach the containers of a bridge. `same-bridge`: not the containers of other bridges that have a policy.
 * `isolated`: not those of the same bridge either. Hosts of other networks may in both cases.
 */
export interface Ingress {
	readonly policy: IngressPolicy;
	readonly bridge: string;
}

export type IngressPolicy = "same-bridge" | "isolated";

/** The seam: who keeps that in the kernel. The contract suite holds every implementation to the same laws. */
export interface ForwardBackend {
	/** Makes it so in one transaction (one for each family where the backend has one for each); again is no change. */
	apply(forward: Forward): void;
	/** What is missing, in words that name each thing; empty when all is as `apply` leaves it. */
	verify(forward: Forward): readonly string[];
	/** Removes what is there of the attachment; nothing there is success. */
	remove(removal: ForwardRemoval): void;
	/** Removes what several attachments share, of bridges and other interfaces of which `isGone` says so. */
	removeShared(isGone: (interfaceName: string) => boolean): void;
	/** What attachments of the network have, as far as the backend's rules say whose they are. */
	list(network: string): readonly ForwardEntry[];
}

export interface ForwardRemoval {
	readonly attachment: NetworkAttachment;
	/** For backends whose rules do not say whose they are: every address that is the attachment's and nobody else's. */
	readonly addresses: readonly IpAddress[];
	readonly isolatedPorts: readonly string[];
	/** What leads to the container, and goes when nobody else is behind it. */
	readonly outlet: SharedInterface | undefined;
	/** The bridge that others are kept out of, as long as it has attachments with a policy. */
	readonly bridge: SharedInterface | undefined;
}

/** An interface that has rules for all who are behind it. */
export interface SharedInterface {
	readonly name: string;
	/** Whether this was the last. Asked anew whenever the ruleset has changed: another attachment may have come. */
	isAbandoned(): boolean;
}

/** What one attachment has in a backend. */
export interface ForwardEntry {
	/** For messages. */
	readonly description: string;
	isOf(attachment: NetworkAttachment): boolean;
	remove(): void;
}

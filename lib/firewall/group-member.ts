import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import type { IpAddress } from "../ip/address.ts";

/** An interface whose traffic groups decide about. */
export interface GroupMember {
	readonly attachment: NetworkAttachment;
	/** Names, each once: any text. */
	readonly groups: readonly string[];
	/** Whether, being in no group, it may talk with others of which the same is true. */
	readonly open: boolean;
	/** The host's end of the container's interface. */
	readonly port: string;
	/**
	 * Through which interfaces of the host the container's packets come to be routed, where its port is that of a bridge:
	 * the bridge, or the gateway of its VLAN. Empty where the port itself is it.
	 */
	readonly bridges: readonly string[];
	/** The container's hardware address. */
	readonly mac: string;
	/** All that the container may send from, beside the link-local one. */
	readonly addresses: readonly IpAddress[];
	/** Of no meaning beyond the link, where the port alone says who is who. */
	readonly linkLocal: IpAddress | undefined;
	/** Whether ports of the host that lead to the container are open to everybody, or to its groups alone. */
	readonly hostPorts: boolean;
	/** Whether those whom groups say nothing of, outside the host, may begin to talk with the container. */
	readonly outside: boolean;
}

/** An interface may be in so many: each may cost packets that none of them lets through one more look. */
export const mostGroups = 32;

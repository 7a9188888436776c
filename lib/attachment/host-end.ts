import { findLink, type Link } from "../netlink/link.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";

/**
 * The host's end of a container's veth pair; undefined when it is elsewhere. Indexes are counted in each namespace by
 * itself: another link of the host may have that of a peer that is in a further namespace.
 */
export function hostEndOf(host: NetlinkSocket, inside: Link): Link | undefined {
	if (inside.kind !== "veth") return undefined;
	const link = findLink(host, { index: inside.peerIndex });
	return link?.kind === "veth" && link.peerIndex === inside.index ? link : undefined;
}

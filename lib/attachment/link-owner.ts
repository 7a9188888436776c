import { attachmentPrefix, type NetworkAttachment } from "../cni/attachment-tag.ts";
import type { Link } from "../netlink/link.ts";
import { openRouteSocket } from "../netlink/rtnetlink.ts";
import { hostEndOf } from "./host-end.ts";
import { ownerAlias, parseOwnerAlias } from "./host-links.ts";

/*
 * An ADD fails where the interface's name is taken, and the DEL that a runtime sends after it is told that name, and
 * nothing else: whose the interface is, its alias says, or that of its end on the host.
 */

/** Whether a container's interface was surely made for another attachment of this suite. */
export function isOfAnother(link: Link, attachment: NetworkAttachment): boolean {
	const owner = parseOwnerAlias(aliasOf(link));
	return owner !== undefined && owner.prefix !== attachmentPrefix(attachment);
}

/** Whether it may have been made for this one: the reference gives no aliases, but to devices that it has moved. */
export function mayBeOf(link: Link, attachment: NetworkAttachment): boolean {
	const alias = aliasOf(link);
	if (alias === "" || alias === ownerAlias(attachment)) return true;
	return parseOwnerAlias(alias)?.prefix === attachmentPrefix(attachment);
}

/** That of the end on the host first: the other one a tenant may have written. */
function aliasOf(link: Link): string {
	if (link.kind !== "veth") return link.alias;
	using host = openRouteSocket();
	return hostEndOf(host, link)?.alias || link.alias;
}

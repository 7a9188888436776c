import { attachmentPrefix, type NetworkAttachment } from "../cni/attachment-tag.ts";
import type { Link } from "../netlink/link.ts";
import { openRouteSocket } from "../netlink/rtnetlink.ts";
import { hostEndOf } from "./host-end.ts";
import { ownerAlias, parseOwnerAlias } from "./host-links.ts";

/*
 * An ADD fails where the interface's name is taken, and the DEL that a runtime sends after it is told that name, and
 * nothing else: whose the interface is, its alias says, or that of its end on the host.
 */

/**
 * Whose a container's interface is: of this attachment, of another one of this suite, of somebody who gives aliases in
 * another form, such as the reference to a device that it has moved; unknown without alias, as the reference makes them.
 */
export function ownerOf(link: Link, attachment: NetworkAttachment): "this" | "another" | "foreign" | "unknown" {
	const alias = aliasOf(link);
	if (alias === "") return "unknown";
	if (alias === ownerAlias(attachment)) return "this";
	const owner = parseOwnerAlias(alias);
	if (owner === undefined) return "foreign";
	return owner.prefix === attachmentPrefix(attachment) ? "this" : "another";
}

/** Whether it was surely made for another attachment. */
export function isOfAnother(link: Link, attachment: NetworkAttachment): boolean {
	return ownerOf(link, attachment) === "another";
}

/** That of the end on the host first: the other one a tenant may have written. */
function aliasOf(link: Link): string {
	if (link.kind !== "veth") return link.alias;
	using host = openRouteSocket();
	return hostEndOf(host, link)?.alias || link.alias;
}

import type { Attachment } from "../cni/plugin.ts";
import { attachmentPrefix, type NetworkAttachment, networkPrefix } from "../firewall/attachment-tag.ts";
import { deleteLink, isNoSuchLink, type Link, type LinkReference, listLinks } from "../netlink/link.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";

/*
 * The host's end of an attachment carries its owner as link alias, `attachmentTag()`: the only record that cannot
 * outlive the link, and that the link cannot outlive.
 */

/** Deletes a link; whether there was one. @throws NetlinkError */
export function removeLink(socket: NetlinkSocket, link: LinkReference): boolean {
	try {
		socket.request(deleteLink(link));
		return true;
	} catch (thrown) {
		if (isNoSuchLink(thrown)) return false;
		throw thrown;
	}
}

/** Deletes what is left of one attachment on the host, when its end in the sandbox cannot be reached any more. */
export function removeHostLinks(host: NetlinkSocket, attachment: NetworkAttachment): void {
	const prefix = attachmentPrefix(attachment);
	for (const link of listLinks(host).filter(({ alias }) => alias.startsWith(prefix))) removeLink(host, link);
}

/** Deletes the host's ends of all attachments of the network but the valid ones. */
export function collectHostLinks(
	host: NetlinkSocket,
	{ network, validAttachments }: { network: string; validAttachments: readonly Attachment[] },
): void {
	const valid = new Set(validAttachments.map((attachment) => attachmentPrefix({ network, ...attachment })));
	const ofNetwork = `${networkPrefix(network)}-`;
	const isStale = ({ alias }: Link) => alias.startsWith(ofNetwork) && !valid.has(alias.split(",", 1)[0] ?? "");
	for (const link of listLinks(host).filter(isStale)) removeLink(host, link);
}

import {
	attachmentPrefix,
	attachmentTag,
	type NetworkAttachment,
	networkPrefix,
	parseTag,
	type TagOwner,
} from "../cni/attachment-tag.ts";
import type { Attachment } from "../cni/plugin.ts";
import { utf8Length } from "../linux/bytes.ts";
import { deleteLink, isNoSuchLink, type Link, listLinks } from "../netlink/link.ts";
import type { LinkReference } from "../netlink/link-message.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";

/*
 * The host's end of an attachment carries its owner as link alias: the only record that cannot outlive the link, and
 * that the link cannot outlive.
 */

/** IFALIASZ of the kernel, less the closing NUL. */
const maxAliasBytes = 255;

/** The alias that names the owner: `net: mynet, if: eth0, id: 0d3f…`; with hashes where that would be too long. */
export function ownerAlias(attachment: NetworkAttachment): string {
	const { network, ifName, containerId } = attachment;
	const alias = `${aliasOfNetwork(network)}${ifName}, id: ${containerId}`;
	return utf8Length(alias) <= maxAliasBytes ? alias : attachmentTag(attachment);
}

/** Whose a link with this alias is; undefined for anybody else's alias. The inverse of {@link ownerAlias}. */
export function parseOwnerAlias(alias: string): TagOwner | undefined {
	const match = /^net: (\S+), if: (\S+), id: (\S+)$/.exec(alias);
	const [, network, ifName, containerId] = match ?? [];
	if (network === undefined || ifName === undefined || containerId === undefined) return parseTag(alias);
	const attachment = { network, ifName, containerId };
	return { prefix: attachmentPrefix(attachment), attachment };
}

/** What the aliases of a network begin with: no name of a network or interface contains white space. */
function aliasOfNetwork(network: string): string {
	return `net: ${network}, if: `;
}

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
	const owner = ownerAlias(attachment);
	for (const link of listLinks(host).filter(({ alias }) => alias === owner)) removeLink(host, link);
}

/** Deletes the host's ends of all attachments of the network but the valid ones. */
export function collectHostLinks(host: NetlinkSocket, scope: GcScope): void {
	for (const link of staleHostLinks(host, scope)) removeLink(host, link);
}

export interface GcScope {
	readonly network: string;
	readonly validAttachments: readonly Attachment[];
}

/** Links of the network's attachments, but not of the valid ones. */
export function staleHostLinks(host: NetlinkSocket, { network, validAttachments }: GcScope): readonly Link[] {
	const valid = new Set(validAttachments.map((attachment) => ownerAlias({ network, ...attachment })));
	const beginnings = [aliasOfNetwork(network), `${networkPrefix(network)}-`];
	const isStale = ({ alias }: Link) => beginnings.some((text) => alias.startsWith(text)) && !valid.has(alias);
	return listLinks(host).filter(isStale);
}

import type { NetworkAttachment } from "../cni/attachment-tag.ts";
import { sha512Hex } from "../cni/sha512.ts";
import { findLink, type Link } from "../netlink/link.ts";
import { listQdiscs } from "../netlink/qdisc.ts";
import { listIngressFilters } from "../netlink/redirect-filter.ts";
import { ingressParent } from "../netlink/traffic-control.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";
import { ownerAlias } from "./host-links.ts";

const prefix = "bwp";
/** The longest name of an interface. */
const nameLength = 15;

/**
 * The names that the ifb device of an attachment may have. The first is the reference's, which says nothing of the
 * interface: a second one of the container on the same network takes the second.
 */
export function ifbNames({ network, containerId, ifName }: NetworkAttachment): readonly [string, string] {
	const hashed = (text: string) => `${prefix}${sha512Hex(text)}`.slice(0, nameLength);
	return [hashed(`${network}${containerId}`), hashed(`${network}${containerId}/${ifName}`)];
}

/** Whether a link is the ifb device of some attachment, of either suite. */
export function isIfbDevice({ kind, name }: Link): boolean {
	return kind === "ifb" && name.length === nameLength && name.startsWith(prefix);
}

/** What is there of an attachment's ifb device, and under which name there could be one. */
export interface IfbDevice {
	readonly link: Link | undefined;
	/** The first of its names that nobody has; undefined when others have both. */
	readonly freeName: string | undefined;
}

/**
 * Looks for the ifb device of an attachment. One of the reference has no alias: it belongs to the interface that is
 * redirected to it, or, when that is gone, to whoever asks.
 *
 * @param of.hostLink the host's end of the pair, asked for where there is no alias
 */
export function findIfbDevice(
	host: NetlinkSocket,
	{ attachment, hostLink }: { attachment: NetworkAttachment; hostLink: Link | undefined },
): IfbDevice {
	const names = ifbNames(attachment);
	const taken = names.flatMap((name) => findLink(host, { name }) ?? []);
	const owner = ownerAlias(attachment);
	const own = taken.find(({ kind, alias }) => kind === "ifb" && alias === owner);
	return {
		link: own ?? taken.find((link) => isIfbDevice(link) && link.alias === "" && mayClaim(host, { link, hostLink })),
		freeName: names.find((name) => taken.every((link) => link.name !== name)),
	};
}

function mayClaim(host: NetlinkSocket, { link, hostLink }: { link: Link; hostLink: Link | undefined }): boolean {
	if (hostLink === undefined) return true;
	const feeders = feedersOf(host, link);
	return feeders.length === 0 || feeders.includes(hostLink.index);
}

/** Indexes of the links whose received packets are redirected to the device. */
export function feedersOf(host: NetlinkSocket, device: Link): readonly number[] {
	const receiving = listQdiscs(host).filter(({ parent }) => parent === ingressParent);
	return receiving
		.map(({ linkIndex }) => linkIndex)
		.filter((index) => listIngressFilters(host, { index }).some((filter) => filter.redirectsTo.includes(device.index)));
}

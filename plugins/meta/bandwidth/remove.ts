import { type GcScope, removeLink, staleHostLinks } from "../../../lib/attachment/host-links.ts";
import { feedersOf, findIfbDevice, ifbNames, isIfbDevice } from "../../../lib/attachment/ifb-device.ts";
import { openSandboxIfPresent } from "../../../lib/attachment/sandbox.ts";
import { isOurBucket, readShaping, redirectsAll } from "../../../lib/attachment/shaping.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import { Errno } from "../../../lib/linux/errno.ts";
import { type Link, listLinks } from "../../../lib/netlink/link.ts";
import { deleteQdisc, findQdisc } from "../../../lib/netlink/qdisc.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import { ingressParent, rootParent } from "../../../lib/netlink/traffic-control.ts";
import type { Message } from "../../../lib/netlink/wire/message.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import { findHostLinkIfPresent } from "./host-link.ts";

/** Takes the limits of an attachment back, by whatever is left of it. @throws NetlinkError */
export function removeLimits(request: AttachmentRequest<unknown>): void {
	using host = openRouteSocket();
	using sandbox = openSandboxIfPresent(request.netns, request.log);
	const hostLink = findHostLinkIfPresent(host, { request, sandbox });
	const { link: device } = findIfbDevice(host, { attachment: request, hostLink });
	const requests = hostLink === undefined ? [] : clearing(host, hostLink);
	// Before anything else goes: to remove a link, the kernel waits for all that it was told to forget until then, such as
	// a closed socket; and it has been about it for as long as we have looked around.
	if (device !== undefined) removeLink(host, { index: device.index });
	send(host, requests);
}

/** Takes back what the network's attachments left, but the valid ones. @throws NetlinkError */
export function collectLimits(host: NetlinkSocket, scope: GcScope): void {
	const stale = staleHostLinks(host, scope);
	// First, so that nobody's packets are redirected to a device that is gone.
	for (const link of stale.filter(({ kind }) => kind === "veth")) send(host, clearing(host, link));
	for (const link of [...stale.filter(isIfbDevice), ...abandonedDevices(host, scope)]) {
		removeLink(host, { index: link.index });
	}
}

/**
 * Devices of the reference that have no interface any more, whatever their network, which cannot be told: the reference
 * gives a device its token bucket after the interface is redirected to it. One without may belong to an ADD under way.
 */
function abandonedDevices(host: NetlinkSocket, { network, validAttachments }: GcScope): readonly Link[] {
	const valid = new Set(validAttachments.flatMap((attachment) => ifbNames({ network, ...attachment })));
	return listLinks(host)
		.filter((link) => isIfbDevice(link) && link.alias === "" && !valid.has(link.name))
		.filter(({ index }) => findQdisc(host, { index, parent: rootParent })?.tokenBucket !== undefined)
		.filter((link) => feedersOf(host, link).length === 0);
}

/** What removes from the host's end what is of this plugin's making. */
function clearing(host: NetlinkSocket, link: Link): readonly Message[] {
	const shaping = readShaping(host, link);
	return [
		...(redirectsAll(shaping) ? [deleteQdisc(link, ingressParent)] : []),
		...(shaping.root !== undefined && isOurBucket(shaping.root) ? [deleteQdisc(link, rootParent)] : []),
	];
}

function send(host: NetlinkSocket, requests: readonly Message[]): void {
	const serious = host.requestAll(requests).find((error) => error !== undefined && !gone.includes(error.errno));
	if (serious !== undefined) throw serious;
}

const gone: readonly number[] = [Errno.ENODEV, Errno.ENOENT, Errno.EINVAL];

import type { Link } from "../netlink/link.ts";
import { findQdisc, type Qdisc } from "../netlink/qdisc.ts";
import { type IngressFilter, listIngressFilters } from "../netlink/redirect-filter.ts";
import { type Handle, ingressParent, rootParent } from "../netlink/traffic-control.ts";
import type { NetlinkSocket } from "../netlink/wire/socket.ts";

/*
 * What an attachment with limits has, the same as the reference makes:
 *
 *     host end of the veth pair   root 1: tbf                  limits what goes to the container (ingress)
 *                                 ffff: ingress, prio 1 u32    redirects what comes from it to the ifb device
 *     ifb device bwp…             root 1: tbf                  limits that (egress)
 *
 * The ifb device carries the owner as alias. What is on the veth pair ends with it.
 */

/** `1:`, of the token bucket. */
export const bucketHandle: Handle = 0x0001_0000;
/** Of the filter that redirects. */
export const redirectPriority = 1;

/** What a link does with its traffic. */
export interface Shaping {
	/** The discipline at the root, unless it is the kernel's default. */
	readonly root: Qdisc | undefined;
	readonly hasIngress: boolean;
	/** In the ingress discipline. */
	readonly filters: readonly IngressFilter[];
}

/** @throws NetlinkError */
export function readShaping(socket: NetlinkSocket, link: Link): Shaping {
	const root = findQdisc(socket, { index: link.index, parent: rootParent });
	const ingress = findQdisc(socket, { index: link.index, parent: ingressParent });
	return {
		root: root?.handle === 0 ? undefined : root,
		hasIngress: ingress !== undefined,
		filters: ingress === undefined ? [] : listIngressFilters(socket, link),
	};
}

/** Whether the root is as this plugin makes it, with whatever limit. */
export function isOurBucket(root: Qdisc): boolean {
	return root.kind === "tbf" && root.handle === bucketHandle;
}

/** Whether all that the link receives is redirected as this plugin does it, wherever to. */
export function redirectsAll({ filters }: Shaping): boolean {
	return filters.length > 0 && filters.every(({ kind, priority }) => kind === "u32" && priority === redirectPriority);
}

/** Indexes of the links to which what the link receives goes. */
export function targetsOf({ filters }: Shaping): readonly number[] {
	return filters.flatMap(({ redirectsTo }) => redirectsTo);
}

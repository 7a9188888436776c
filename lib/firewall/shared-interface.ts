import { attachmentPrefix, type NetworkAttachment } from "../cni/attachment-tag.ts";
import { findLink, listLinks } from "../netlink/link.ts";
import { openRouteSocket } from "../netlink/rtnetlink.ts";
import type { SharedInterface } from "./forward-backend.ts";
import { type RecordedIngress, recordedForwards } from "./forward-record.ts";

/*
 * Who is behind an interface is told by the records. An ADD records before it changes the kernel. So whoever reads the
 * ruleset's generation, asks, and deletes in that same generation, cannot miss one: it was recorded in time, or its
 * change comes later and makes everything anew.
 */

/** The interface that leads to the container; abandoned when no other attachment is recorded to be behind it. */
export function sharedOutlet(name: string, attachment: NetworkAttachment): SharedInterface {
	const own = attachmentPrefix(attachment);
	return { name, isAbandoned: () => !recordedForwards().some((other) => other.name !== own && other.outlet === name) };
}

/**
 * A bridge with an ingress policy; abandoned when no other attachment with one is recorded, and nothing looks like a
 * container that the reference started.
 */
export function sharedBridge({ bridge }: RecordedIngress, attachment: NetworkAttachment): SharedInterface {
	const own = attachmentPrefix(attachment);
	return {
		name: bridge,
		isAbandoned: () =>
			!recordedForwards().some(({ name, ingress }) => name !== own && ingress?.bridge === bridge) &&
			!hasPortsOfReference(bridge),
	};
}

/** Whether the interface does not exist any more, and nobody is recorded to be behind it, for GC. */
export function isInterfaceGone(name: string): boolean {
	using socket = openRouteSocket();
	return (
		findLink(socket, { name }) === undefined &&
		!recordedForwards().some(({ ingress, outlet }) => ingress?.bridge === name || outlet === name)
	);
}

/** The plugin bridge writes the owner of each veth pair into its alias; the reference writes none, and no record either. */
function hasPortsOfReference(bridge: string): boolean {
	using socket = openRouteSocket();
	const device = findLink(socket, { name: bridge });
	if (device === undefined) return false;
	return listLinks(socket).some(
		({ master, kind, alias }) => master === device.index && kind === "veth" && alias === "",
	);
}

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
 * A bridge with an ingress policy; abandoned when no other attachment with one is recorded, and the bridge has no ports
 * but this attachment's, which might lead to containers that the reference started.
 */
export function sharedBridge({ bridge, ports }: RecordedIngress, attachment: NetworkAttachment): SharedInterface {
	const own = attachmentPrefix(attachment);
	return {
		name: bridge,
		isAbandoned: () =>
			!recordedForwards().some(({ name, ingress }) => name !== own && ingress?.bridge === bridge) &&
			!hasOtherPorts(bridge, ports),
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

function hasOtherPorts(bridge: string, ports: readonly string[]): boolean {
	using socket = openRouteSocket();
	const device = findLink(socket, { name: bridge });
	if (device === undefined) return false;
	return listLinks(socket).some(({ master, name }) => master === device.index && !ports.includes(name));
}

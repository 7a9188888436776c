import { attachmentPrefix, type NetworkAttachment } from "../cni/attachment-tag.ts";
import { findLink, listLinks } from "../netlink/link.ts";
import { openRouteSocket } from "../netlink/rtnetlink.ts";
import type { AbandonedBridge } from "./forward-backend.ts";
import { type RecordedIngress, recordedForwards } from "./forward-record.ts";

/**
 * Asks whether the bridge has no other attachment with an ingress policy: none is recorded, and the bridge has no ports
 * but this attachment's, which might lead to containers that the reference started.
 *
 * An ADD records before it changes the kernel. So whoever reads the ruleset's generation, asks, and then deletes in
 * that same generation, cannot miss one: it was recorded in time, or its change comes later and makes everything anew.
 */
export function abandonedBridge({ bridge, ports }: RecordedIngress, attachment: NetworkAttachment): AbandonedBridge {
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

/** The interface, if it leads to one container alone, as one end of a veth pair does; a bridge may have others. */
export function ownOutlet(outlet: string | undefined): string | undefined {
	if (outlet === undefined) return undefined;
	using socket = openRouteSocket();
	const link = findLink(socket, { name: outlet });
	return link === undefined || link.kind === "veth" ? outlet : undefined;
}

function hasOtherPorts(bridge: string, ports: readonly string[]): boolean {
	using socket = openRouteSocket();
	const device = findLink(socket, { name: bridge });
	if (device === undefined) return false;
	return listLinks(socket).some(({ master, name }) => master === device.index && !ports.includes(name));
}

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

/** Whether the bridge does not exist any more, and no attachment to it is recorded, for GC: nobody can be behind it. */
export function isBridgeGone(bridge: string): boolean {
	using socket = openRouteSocket();
	return (
		findLink(socket, { name: bridge }) === undefined &&
		!recordedForwards().some(({ ingress }) => ingress?.bridge === bridge)
	);
}

function hasOtherPorts(bridge: string, ports: readonly string[]): boolean {
	using socket = openRouteSocket();
	const device = findLink(socket, { name: bridge });
	if (device === undefined) return false;
	return listLinks(socket).some(({ master, name }) => master === device.index && !ports.includes(name));
}

import type { AttachmentRequest } from "../cni/plugin.ts";
import { findLink } from "../netlink/link.ts";
import { openRouteSocket } from "../netlink/rtnetlink.ts";
import { removeHostLinks, removeLink } from "./host-links.ts";
import { ownerOf } from "./link-owner.ts";
import { openSandboxIfPresent, type Sandbox } from "./sandbox.ts";

/**
 * Removes a veth pair: by its end in the container; by its owner where that end cannot be found any more, and where a
 * tenant may have put something else in its place.
 */
export function removePair(request: AttachmentRequest<unknown>): void {
	if (removeInterface(request, "veth")) return;
	using host = openRouteSocket();
	removeHostLinks(host, request);
}

/** Removes the container's interface; whether it surely was the one. What is only there goes with its namespace. */
export function removeInterface(request: AttachmentRequest<unknown>, kind: string): boolean {
	using sandbox = openSandboxIfPresent(request.netns, request.log);
	return sandbox !== undefined && removeInterfaceIn(sandbox, { request, kind });
}

/** The same in a namespace that is open. What has the name and is not of this attachment stays. */
export function removeInterfaceIn(
	{ socket }: Sandbox,
	{ request, kind }: { request: AttachmentRequest<unknown>; kind: string },
): boolean {
	const { ifName, log } = request;
	const link = findLink(socket, { name: ifName });
	if (link === undefined) return false;
	const owner = ownerOf(link, request);
	if (link.kind !== kind || owner === "another" || owner === "foreign") {
		log.warn(`Left alone: interface "${ifName}" of the container was made by somebody else`);
		return false;
	}
	return removeLink(socket, { index: link.index }) && owner === "this";
}

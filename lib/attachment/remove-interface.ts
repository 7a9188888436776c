import type { AttachmentRequest } from "../cni/plugin.ts";
import { openRouteSocket } from "../netlink/rtnetlink.ts";
import { removeHostLinks, removeLink } from "./host-links.ts";
import { openSandboxIfPresent } from "./sandbox.ts";

/** Removes a veth pair: by its end in the container, or by its owner where that end cannot be found any more. */
export function removePair(request: AttachmentRequest<unknown>): void {
	if (removeInterface(request)) return;
	using host = openRouteSocket();
	removeHostLinks(host, request);
}

/** Removes the container's interface; whether there was one. What is only there goes with its namespace. */
export function removeInterface({ netns, ifName, log }: AttachmentRequest<unknown>): boolean {
	using sandbox = openSandboxIfPresent(netns, log);
	return sandbox !== undefined && removeLink(sandbox.socket, { name: ifName });
}

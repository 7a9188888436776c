import { removeHostLinks, removeLink } from "../../../lib/attachment/host-links.ts";
import { openSandboxIfPresent } from "../../../lib/attachment/sandbox.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import type { BridgeConfig } from "./config.ts";

/** Removes the veth pair: by its end in the container, or by its owner where that end cannot be found any more. */
export function detach(request: AttachmentRequest<BridgeConfig>): void {
	using sandbox = openSandboxIfPresent(request.netns, request.log);
	if (sandbox !== undefined && removeLink(sandbox.socket, { name: request.ifName })) return;
	using host = openRouteSocket();
	removeHostLinks(host, request);
}

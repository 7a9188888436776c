import { beginRemoveLink, removeHostLinks } from "../../../lib/attachment/host-links.ts";
import { openSandboxIfPresent } from "../../../lib/attachment/sandbox.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import type { BridgeConfig } from "./config.ts";

/**
 * Begins to remove the veth pair, by its end in the container, or by its owner where that cannot be found any more.
 *
 * @returns a function that waits until the pair is gone
 */
export function beginDetach(request: AttachmentRequest<BridgeConfig>): () => void {
	const { ifName, netns, log } = request;
	const sandbox = openSandboxIfPresent(netns, log);
	const removed = sandbox === undefined ? () => false : beginRemoveLink(sandbox.socket, { name: ifName });
	return () => {
		using _opened = sandbox;
		if (removed()) return;
		using host = openRouteSocket();
		removeHostLinks(host, request);
	};
}

import { hostEndOf } from "../../../lib/attachment/host-end.ts";
import { ownerAlias } from "../../../lib/attachment/host-links.ts";
import { isOfAnother } from "../../../lib/attachment/link-owner.ts";
import { openSandbox, type Sandbox } from "../../../lib/attachment/sandbox.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { resultFamilyOf } from "../../../lib/cni/version.ts";
import { findLink, type Link, listLinks } from "../../../lib/netlink/link.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";

type Request = AttachmentRequest<unknown>;

/**
 * The host's end of the container's veth pair: what it sends is the container's ingress, what it receives the
 * container's egress. One that the result of the plugins before names.
 *
 * @throws CniError
 */
export function findHostLink(host: NetlinkSocket, request: Request & { readonly prevResult: Result }): Link {
	const { cniVersion, ifName, netns, prevResult } = request;
	// The oldest results name no interfaces.
	const isNamed = resultFamilyOf(cniVersion) !== "legacy";
	if (isNamed && prevResult.interfaces.length === 0) {
		throw failed("no interfaces provided", "The result of the plugin before must name the interfaces that it made");
	}
	using sandbox = openSandbox(netns);
	const inside = findLink(sandbox.socket, { name: ifName });
	if (inside === undefined) throw noPeer(ifName, "Link not found");
	if (inside.kind !== "veth") {
		throw noPeer(ifName, `not a veth interface`, `It is of type "${inside.kind}": only veth pairs can be limited`);
	}
	const link = hostEndOf(host, inside);
	if (link === undefined) throw failed(`veth peer with index ${inside.peerIndex} is not in host ns`);
	if (isNamed && !prevResult.interfaces.some(({ name, sandbox: path }) => !path && name === link.name)) {
		throw failed(
			"no veth peer of container interface found in host ns",
			`The peer of "${ifName}" is "${link.name}", which the result of the plugin before does not name`,
		);
	}
	return link;
}

/** The same for DEL, told less: by the pair, or by the alias that our plugins give. Undefined when it is gone. */
export function findHostLinkIfPresent(
	host: NetlinkSocket,
	{ request, sandbox }: { request: Request; sandbox: Sandbox | undefined },
): Link | undefined {
	if (sandbox !== undefined) return ownPeer(host, { sandbox, request });
	const owner = ownerAlias(request);
	return listLinks(host).find(({ alias, kind }) => kind === "veth" && alias === owner);
}

/** Not that of another network, which has the interface's name: a DEL that follows a failed ADD would lift its limits. */
function ownPeer(host: NetlinkSocket, { sandbox, request }: { sandbox: Sandbox; request: Request }): Link | undefined {
	const inside = findLink(sandbox.socket, { name: request.ifName });
	if (inside === undefined || isOfAnother(inside, request)) return undefined;
	return hostEndOf(host, inside);
}

function noPeer(ifName: string, reason: string, details = ""): CniError {
	return failed(`container interface ${ifName} has no veth peer: ${reason}`, details);
}

function failed(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}

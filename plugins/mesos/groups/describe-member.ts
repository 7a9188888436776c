import { openSandbox } from "../../../lib/attachment/sandbox.ts";
import { allContainerAddresses } from "../../../lib/cni/container-addresses.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import type { GroupMember } from "../../../lib/firewall/group-member.ts";
import type { IpAddress } from "../../../lib/ip/address.ts";
import { filtersVlans } from "../../../lib/netlink/bridge.ts";
import { findLink, type Link } from "../../../lib/netlink/link.ts";
import { linkLocalAddress } from "../../../lib/netlink/link-local.ts";
import { routeTo } from "../../../lib/netlink/route.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import type { GroupsConfig, GroupsSettings } from "./config.ts";

/**
 * What ADD makes and CHECK looks for. Addresses are those of the result; the rest is taken from the interface itself,
 * for results before 0.3.0 do not tell it.
 *
 * @throws CniError where no port of the host leads to the interface alone, or it has no address
 */
export function describeMember(
	request: AttachmentRequest<GroupsConfig>,
	{ settings, prevResult }: { settings: GroupsSettings; prevResult: Result },
): GroupMember {
	const { network, containerId, ifName } = request;
	const link = findInterface(request);
	const addresses = allContainerAddresses(prevResult, ifName).map(({ address }) => address);
	if (addresses.length === 0) {
		throw unsuitable(request, "the result of the plugins before has no address of it", {
			details: "Groups prove where packets come from by addresses: give the network an IPAM plugin",
		});
	}
	const host = request.shared(openRouteSocket);
	const port = findPort(host, { request, link });
	return {
		attachment: { network, containerId, ifName },
		...settings,
		port: port.name,
		bridges: bridgesOf(host, { request, port, addresses }),
		mac: link.mac,
		addresses,
		linkLocal: linkLocalAddress(link.mac),
	};
}

type Request = AttachmentRequest<GroupsConfig>;

function findInterface(request: Request): Link {
	const sandbox = request.shared(openSandbox, request.netns);
	const link = findLink(sandbox.socket, { name: request.ifName });
	if (link !== undefined) return link;
	throw unsuitable(request, `it is not in "${request.netns}"`, {
		details: "Put groups behind the plugin that makes the interface",
	});
}

function findPort(host: NetlinkSocket, { request, link }: { request: Request; link: Link }): Link {
	const port = link.kind === "veth" ? findLink(host, { index: link.peerIndex }) : undefined;
	// Its number may be that of another link, where the peer is in a third namespace.
	if (port?.kind === "veth" && port.peerIndex === link.index) return port;
	throw unsuitable(request, `it is no veth whose other end is on the host, but of kind "${link.kind}"`, {
		details: "The kernel shows the host nothing of what a macvlan or ipvlan does. Use bridge or ptp",
	});
}

interface PortOnHost {
	readonly request: Request;
	readonly port: Link;
	readonly addresses: readonly IpAddress[];
}

/** The bridge, and the gateway of the port's VLAN where that is another interface; see GroupMember. */
function bridgesOf(host: NetlinkSocket, { request, port, addresses }: PortOnHost): readonly string[] {
	if (port.master === 0) return [];
	const bridge = findLink(host, { index: port.master });
	if (bridge?.kind !== "bridge") {
		throw unsuitable(request, `its port "${port.name}" belongs to "${bridge?.name}", which is no bridge`);
	}
	if (!filtersVlans(bridge)) return [bridge.name];
	const names = new Set([bridge.name]);
	for (const address of addresses) {
		const index = routeTo(host, address);
		const gateway = index === undefined ? undefined : findLink(host, { index });
		if (gateway?.kind === "vlan" && gateway.peerIndex === bridge.index) names.add(gateway.name);
	}
	return [...names];
}

function unsuitable(
	{ ifName, containerId }: Request,
	cause: string,
	{ details = "" }: { details?: string } = {},
): CniError {
	return new CniError(
		ErrorCode.invalidNetworkConfig,
		`Cannot let groups decide about interface "${ifName}" of container "${containerId}": ${cause}`,
		{ details },
	);
}

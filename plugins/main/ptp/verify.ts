import { ownPart } from "../../../lib/attachment/own-part.ts";
import { openSandbox } from "../../../lib/attachment/sandbox.ts";
import { verifyInterface } from "../../../lib/attachment/verify-interface.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { verifyMasquerade } from "../../../lib/firewall/masquerade.ts";
import { formatPrefix, samePrefix } from "../../../lib/ip/address.ts";
import { isForwarding } from "../../../lib/linux/forwarding.ts";
import { listAddresses } from "../../../lib/netlink/address.ts";
import { findLink, type Link } from "../../../lib/netlink/link.ts";
import { listRoutes, mainTable } from "../../../lib/netlink/route.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import { type PtpConfig, parseSettings } from "./config.ts";
import { describePtp, type PtpDescription } from "./description.ts";

/** CHECK: compares everything that ADD made with the description of it. @throws CniError naming the first difference */
export async function verifyAttachment(request: AttachmentRequest<PtpConfig>): Promise<void> {
	const settings = parseSettings(request);
	const { entry, result } = ownPart(request, "ptp: Required prevResult missing");
	await settings.ipam.check();
	const description = describePtp(request, { settings, result });
	using sandbox = openSandbox(request.netns);
	using host = openRouteSocket();
	// What the runtime was told is what counts, also where a later plugin of the chain has changed it.
	const container = verifyInterface(sandbox, { ...description.container, mac: entry.mac, mtu: undefined });
	verifyHost(host, { container, description, result });
	if (description.masquerade !== undefined) {
		verifyMasquerade(request, description.masquerade);
	}
}

interface HostContext {
	readonly container: Link;
	readonly description: PtpDescription;
	readonly result: Result;
}

function verifyHost(host: NetlinkSocket, context: HostContext): void {
	const link = verifyHostLink(host, context);
	const { host: wanted, forwarding } = context.description;
	const addresses = listAddresses(host, link.index);
	for (const address of wanted.addresses) {
		if (addresses.some(({ prefix }) => samePrefix(prefix, address))) continue;
		const text = formatPrefix(address);
		const help = `Put it back with: ip address add ${text} dev ${link.name}`;
		throw fault(`Failed to match gateway addr ${text} on interface ${link.name}`, help);
	}
	const routes = listRoutes(host, mainTable);
	for (const route of wanted.routes) {
		const found = routes.some(
			({ destination, hops }) => samePrefix(destination, route) && hops.some((hop) => hop.linkIndex === link.index),
		);
		if (found) continue;
		const text = `${formatPrefix(route)} dev ${link.name}`;
		throw fault(`Expected Route ${text} not found on the host`, `Put it back with: ip route add ${text}`);
	}
	for (const family of forwarding) {
		if (isForwarding(family)) continue;
		const parameter = family === 4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
		throw fault(`IPv${family} forwarding is off on the host`, `Switch it on with: sysctl -w ${parameter}=1`);
	}
}

function verifyHostLink(host: NetlinkSocket, { container, description, result }: HostContext): Link {
	const entries = result.interfaces.filter(({ sandbox }) => sandbox === undefined);
	const found = entries
		.map((entry) => ({ entry, link: findLink(host, { name: entry.name }) }))
		.find(({ link }) => link?.kind === "veth" && link.index === container.peerIndex);
	if (found?.link === undefined) throw fault(`The host's end of interface ${container.name} was not found`);
	const { entry, link } = found;
	const { name, mac, mtu, up } = link;
	if (entry.mac !== undefined && entry.mac !== mac) {
		throw fault(`Interface ${name} Mac doesn't match: ${entry.mac} not found`, `It is ${mac}`);
	}
	if (!up) throw fault(`Interface ${name} is down`, `Bring it up with: ip link set ${name} up`);
	const wanted = description.host.mtu;
	if (wanted !== undefined && mtu !== wanted) {
		throw fault(`Interface ${name} has MTU ${mtu}, and the configuration says ${wanted}`);
	}
	return link;
}

function fault(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}

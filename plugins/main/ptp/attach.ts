import { allocate } from "../../../lib/attachment/allocate.ts";
import { applyInterface } from "../../../lib/attachment/apply-interface.ts";
import { chooseDns } from "../../../lib/attachment/choose-dns.ts";
import { openSandbox } from "../../../lib/attachment/sandbox.ts";
import { waitUntilUp } from "../../../lib/attachment/settle.ts";
import { refuseSmallMtu } from "../../../lib/attachment/small-mtu.ts";
import { createVethPair, refuseExistingInterface, type VethPair } from "../../../lib/attachment/veth-pair.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AddRequest } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { applyMasquerade, removeMasquerade } from "../../../lib/firewall/masquerade.ts";
import { formatPrefix } from "../../../lib/ip/address.ts";
import { Errno } from "../../../lib/linux/errno.ts";
import { enableForwarding } from "../../../lib/linux/forwarding.ts";
import { addAddress } from "../../../lib/netlink/address.ts";
import type { Link } from "../../../lib/netlink/link.ts";
import { addFirstRoute, RT_SCOPE_HOST } from "../../../lib/netlink/route.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import { type PtpConfig, parseSettings } from "./config.ts";
import { describePtp, type PtpDescription } from "./description.ts";

type Request = AddRequest<PtpConfig>;

/** ADD: allocates addresses, then makes everything that the description says, each step with its undo. */
export async function attach(request: Request): Promise<Result> {
	const { config, netns, ifName, rollback, log } = request;
	const settings = parseSettings(request);
	using sandbox = openSandbox(netns);
	refuseExistingInterface(sandbox, ifName);
	const allocated = await allocate(request);
	refuseSmallMtu(settings.mtu, allocated);
	const description = describePtp(request, { settings, result: allocated });
	const { container, host: port, forwarding } = description;
	using host = openRouteSocket();

	const { mtu } = settings;
	const pair = log.step("veth", () => createVethPair(host, { sandbox, container, port, mtu, rollback }));
	log.step("interface", () => applyInterface(sandbox, { link: pair.container, description: container }));
	log.step("host", () => applyHost(host, { link: pair.port, description }));
	for (const family of forwarding) enableForwarding(family);
	log.step("masquerade", () => masquerade(request, description));
	// Both ends are new, and nobody remembers anything of them: there is nothing to announce.
	log.step("wait", () => {
		waitUntilUp(host, pair.port);
		waitUntilUp(sandbox.socket, pair.container);
	});
	return {
		interfaces: interfacesOf(pair, netns),
		ips: allocated.ips.map((ip) => ({ ...ip, interface: containerIndex })),
		routes: allocated.routes,
		dns: chooseDns(config, allocated.dns),
	};
}

/** Gives the host's end the gateways' addresses, and the host its ways to the container. @throws CniError */
function applyHost(
	host: NetlinkSocket,
	{ link, description }: { link: Link; description: Pick<PtpDescription, "host"> },
): void {
	const { addresses, routes } = description.host;
	const errors = host.requestAll([
		...addresses.map((prefix) => addAddress(link.index, { prefix, detectDuplicates: false })),
		...routes.map((destination) => addFirstRoute({ destination, linkIndex: link.index, scope: RT_SCOPE_HOST })),
	]);
	const failed = errors.findIndex((error) => error !== undefined);
	if (failed < 0) return;
	const error = errors[failed];
	const address = addresses[failed];
	const route = routes[failed - addresses.length];
	const what =
		address === undefined
			? `failed to add route on host: ${route === undefined ? "" : `${formatPrefix(route)}: `}`
			: `failed to add IP addr ${formatPrefix(address)} to veth: `;
	// Whoever has the address now would lose it.
	const details =
		error?.errno === Errno.EEXIST && route !== undefined
			? `The host has another way to this address: ip route show ${formatPrefix(route)}. Two networks may share a range`
			: "";
	throw new CniError(ErrorCode.internal, `${what}${error?.message}`, { details, cause: error });
}

function masquerade(request: Request, { masquerade: wanted }: PtpDescription): void {
	if (wanted === undefined) return;
	const options = { ...wanted, shared: request.shared };
	request.rollback.push("masquerade", () => removeMasquerade(request, options));
	applyMasquerade(request, options);
}

function interfacesOf({ port, container }: VethPair, sandbox: string): Result["interfaces"] {
	return [
		{ name: port.name, mac: port.mac },
		{ name: container.name, mac: container.mac, sandbox },
	];
}

/** Of the container among the result's interfaces. */
const containerIndex = 1;

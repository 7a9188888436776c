import { ignoreRouterAdvertisements } from "../../../lib/attachment/veth-pair.ts";
import { CniError, ErrorCode, messageOf } from "../../../lib/cni/error.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { formatPrefix, type IpPrefix, prefixesOverlap, samePrefix } from "../../../lib/ip/address.ts";
import { Errno, errnoOf } from "../../../lib/linux/errno.ts";
import { sleep } from "../../../lib/linux/libc.ts";
import { addAddress, deleteAddress, listAddresses } from "../../../lib/netlink/address.ts";
import { addBridge, enableVlanFiltering, filtersVlans } from "../../../lib/netlink/bridge.ts";
import { findLink, type Link, setLink } from "../../../lib/netlink/link.ts";
import { randomMac } from "../../../lib/netlink/mac.ts";
import { NetlinkError } from "../../../lib/netlink/wire/error.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import type { BridgeDescription } from "./description.ts";
import { isPortMac } from "./port-mac.ts";

/**
 * The bridge that the description names, created where it is missing. It outlives its attachments, so nothing here is
 * undone.
 */
export function ensureBridge(
	host: NetlinkSocket,
	{ bridge, mtu }: { bridge: BridgeDescription["bridge"]; mtu: number | undefined },
): Link {
	const { name, promiscuous, vlanFiltering } = bridge;
	const link = findLink(host, { name }) ?? createBridge(host, { bridge, mtu });
	if (link.kind !== "bridge") {
		throw failed(name, `"${name}" already exists but is not a bridge`, `Give another name in "bridge", or remove it`);
	}
	if (vlanFiltering && !filtersVlans(link)) {
		const failure = { name, text: `could not enable VLAN filtering on "${name}"`, help: vlanHelp };
		attempt(failure, () => host.request(enableVlanFiltering(link)));
	}
	if (!link.up) {
		attempt({ name, text: `could not set "${name}" up` }, () => host.request(setLink(link, { up: true })));
	}
	// Also where it is so already: a sniffer's wish ends with the sniffer.
	if (promiscuous) {
		const failure = { name, text: `could not set promiscuous mode on "${name}"` };
		attempt(failure, () => host.request(setLink(link, { promiscuous: true })));
	}
	return awaitOwnMac(host, link);
}

const vlanHelp =
	'VLANs on a bridge need a kernel with CONFIG_BRIDGE_VLAN_FILTERING; without "vlan" and "vlanTrunk" the network works';

function createBridge(
	host: NetlinkSocket,
	{ bridge: { name, vlanFiltering }, mtu }: { bridge: BridgeDescription["bridge"]; mtu: number | undefined },
): Link {
	try {
		host.request(addBridge({ name, mac: randomMac(), mtu, vlanFiltering }));
	} catch (thrown) {
		// Another ADD has created it since we looked.
		if (errnoOf(thrown) !== Errno.EEXIST) {
			const help =
				errnoOf(thrown) === Errno.EOPNOTSUPP
					? vlanFiltering
						? vlanHelp
						: "The kernel has no bridges: load the module with `modprobe bridge`"
					: "";
			throw failed(name, `could not add "${name}": ${messageOf(thrown)}`, help);
		}
	}
	const link = findLink(host, { name });
	if (link === undefined) throw failed(name, `could not lookup "${name}": Link not found`);
	ignoreRouterAdvertisements(name);
	return link;
}

/**
 * The bridge as it is before a port is attached. One that somebody else created follows its ports' MACs until one is
 * set; where it has a container port's, another ADD is about to give it back its own (`keepBridgeMac`).
 */
function awaitOwnMac(host: NetlinkSocket, bridge: Link): Link {
	let now = bridge;
	for (let waitedMs = 0; isPortMac(now.mac) && waitedMs < maximumWaitMs; waitedMs++) {
		sleep(1);
		now = findLink(host, { index: bridge.index }) ?? bridge;
	}
	return now;
}

/** The other ADD may also have been killed before it did. */
const maximumWaitMs = 30;

/**
 * Gives the bridge back the MAC that it had before a port was attached, if it has a container port's now: set, it does
 * not follow its ports any more.
 *
 * @returns the bridge as it is now
 */
export function keepBridgeMac(host: NetlinkSocket, bridge: Link): Link {
	const now = findLink(host, { index: bridge.index }) ?? bridge;
	if (now.mac === bridge.mac || !isPortMac(now.mac)) return now;
	host.request(setLink(bridge, { mac: bridge.mac }));
	return bridge;
}

/**
 * Puts the gateways' addresses on `link`. Another IPv4 address, or an IPv6 address of an overlapping subnet, belongs to
 * somebody else's network, unless IPAM says that it is one of this network's: refused before anything is changed, or
 * replaced with `forceAddress`.
 */
export function ensureGatewayAddresses(
	host: NetlinkSocket,
	{ link, gateways, networkGateways = () => [], forceAddress, detectDuplicates }: GatewayAddresses,
): void {
	const { name } = link;
	const existing = listAddresses(host, link.index).map(({ prefix }) => prefix);
	const missing = gateways.filter((gateway) => !existing.some((prefix) => samePrefix(prefix, gateway)));
	if (missing.length === 0) return;
	const own = [...gateways, ...networkGateways()];
	const foreign = existing.filter((prefix) => !own.some((gateway) => samePrefix(prefix, gateway)));
	const inTheWay = foreign.filter((prefix) => missing.some((gateway) => conflicts(prefix, gateway)));
	if (!forceAddress) refuseForeign(name, { inTheWay, missing });
	for (const prefix of inTheWay) {
		ignoring(Errno.EADDRNOTAVAIL, `could not remove IP address from "${name}"`, () =>
			host.request(deleteAddress(link.index, prefix)),
		);
	}
	for (const prefix of missing) {
		ignoring(Errno.EEXIST, `could not add IP address ${formatPrefix(prefix)} to "${name}"`, () =>
			host.request(addAddress(link.index, { prefix, detectDuplicates })),
		);
	}
	// Set, the MAC of a bridge that somebody else created does not follow its ports any more.
	host.request(setLink(link, { mac: link.mac }));
}

export interface GatewayAddresses {
	/** As it was before any port of ours was attached. */
	readonly link: Link;
	/** Of the network; those that are there already stay as they are. */
	readonly gateways: readonly IpPrefix[];
	/** Of all ranges of the network, where IPAM tells them. */
	readonly networkGateways: Result["networkGateways"];
	readonly forceAddress: boolean;
	readonly detectDuplicates: boolean;
}

function refuseForeign(
	name: string,
	{ inTheWay, missing }: { inTheWay: readonly IpPrefix[]; missing: readonly IpPrefix[] },
): void {
	const [first] = inTheWay;
	const gateway = first && missing.find((candidate) => conflicts(first, candidate));
	if (first === undefined || gateway === undefined) return;
	throw failedAddress(`"${name}" already has an IP address different from ${formatPrefix(gateway)}`, {
		details: `It has ${formatPrefix(first)}. Use another "bridge", or "forceAddress": true to replace it`,
	});
}

function conflicts(existing: IpPrefix, gateway: IpPrefix): boolean {
	if (existing.address.family !== gateway.address.family) return false;
	return gateway.address.family === 4 || prefixesOverlap(existing, gateway);
}

function ignoring(errno: number, text: string, action: () => void): void {
	try {
		action();
	} catch (thrown) {
		if (!(thrown instanceof NetlinkError) || thrown.errno !== errno) {
			throw failedAddress(`${text}: ${messageOf(thrown)}`, { cause: thrown });
		}
	}
}

function failedAddress(problem: string, options: { details?: string; cause?: unknown }): CniError {
	return new CniError(ErrorCode.internal, `failed to set bridge addr: ${problem}`, options);
}

function attempt({ name, text, help }: { name: string; text: string; help?: string }, action: () => void): void {
	try {
		action();
	} catch (thrown) {
		throw failed(name, `${text}: ${messageOf(thrown)}`, help);
	}
}

function failed(name: string, problem: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, `failed to create bridge "${name}": ${problem}`, { details });
}

import { ownPart } from "../../../lib/attachment/own-part.ts";
import { openSandbox } from "../../../lib/attachment/sandbox.ts";
import { verifyInterface } from "../../../lib/attachment/verify-interface.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import type { Result, ResultInterface } from "../../../lib/cni/result.ts";
import { verifyMasquerade } from "../../../lib/firewall/masquerade.ts";
import { verifySpoofCheck } from "../../../lib/firewall/spoof-check.ts";
import { formatPrefix, type IpPrefix, samePrefix } from "../../../lib/ip/address.ts";
import { isForwarding } from "../../../lib/linux/forwarding.ts";
import { listAddresses } from "../../../lib/netlink/address.ts";
import { bridgePortOf, filtersVlans } from "../../../lib/netlink/bridge.ts";
import { listPortVlans, type PortVlan } from "../../../lib/netlink/bridge-vlan.ts";
import { findLink, type Link } from "../../../lib/netlink/link.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import { type BridgeConfig, parseSettings } from "./config.ts";
import { type BridgeDescription, describeBridge } from "./description.ts";

/** CHECK: compares everything that ADD made with the description of it. @throws CniError naming the first difference */
export async function verifyAttachment(request: AttachmentRequest<BridgeConfig>): Promise<void> {
	const settings = parseSettings(request);
	const own = ownPart(request);
	await request.ipam?.check();
	const described = describeBridge(request, { settings, result: own.result });
	// What the runtime was told is what counts, also where a later plugin of the chain has changed it.
	const description = { ...described, container: { ...described.container, mac: own.entry.mac, mtu: undefined } };
	using sandbox = openSandbox(request.netns);
	using host = openRouteSocket();

	const device = verifyBridge(host, { bridge: description.bridge, entry: hostEntry(own.result, settings.bridge) });
	const container = verifyInterface(sandbox, description.container);
	const port = verifyPort(host, { device, container, description, result: own.result });
	verifyGateways(host, { device, description });
	if (description.macSpoofCheck) {
		verifySpoofCheck({ ...request, hostIfName: port.name, mac: container.mac });
	}
	if (description.masquerade !== undefined) {
		verifyMasquerade(request, description.masquerade);
	}
}

function hostEntry(result: Result, name: string): ResultInterface {
	const entry = result.interfaces.find((candidate) => candidate.name === name);
	if (entry === undefined) throw fault(`CNI created bridge ${name} in host namespace was not found`);
	if (entry.sandbox !== undefined) throw fault(`Interface ${name} should not be in sandbox`);
	return entry;
}

function verifyBridge(
	host: NetlinkSocket,
	{ bridge, entry }: { bridge: BridgeDescription["bridge"]; entry: ResultInterface },
): Link {
	const { name, promiscuous, vlanFiltering } = bridge;
	const device = findLink(host, { name });
	if (device === undefined) throw fault(`Interface name ${name} not found`);
	if (device.kind !== "bridge") throw fault(`Interface ${name} does not have link type of bridge`);
	if (entry.mac !== undefined && entry.mac !== device.mac) {
		throw fault(`Bridge interface ${name} Mac doesn't match: ${entry.mac}`, `It is ${device.mac}`);
	}
	if (promiscuous && device.promiscuity === 0) {
		throw fault(`Bridge interface ${name} configured Promisc Mode true doesn't match current state: false`);
	}
	if (!device.up) throw fault(`Bridge interface ${name} is down`, `Bring it up with: ip link set ${name} up`);
	if (vlanFiltering && !filtersVlans(device)) throw fault(`Bridge interface ${name} does not filter VLANs`);
	return device;
}

interface PortContext {
	readonly device: Link;
	readonly container: Link;
	readonly description: BridgeDescription;
	readonly result: Result;
}

function verifyPort(host: NetlinkSocket, { device, container, description, result }: PortContext): Link {
	const { port: wanted, bridge } = description;
	const entries = result.interfaces.filter(({ sandbox, name }) => sandbox === undefined && name !== bridge.name);
	const found = entries
		.map((entry) => ({ entry, link: findLink(host, { name: entry.name }) }))
		.find(({ link }) => link?.kind === "veth" && link.index === container.peerIndex);
	if (found?.link === undefined) throw fault(`CNI veth created for bridge ${bridge.name} was not found`);
	const { entry, link } = found;
	if (link.master !== device.index) {
		throw fault(
			`CNI veth created for bridge ${bridge.name} was not found`,
			`"${link.name}" is not a port of it any more: ip link set ${link.name} master ${bridge.name}`,
		);
	}
	if (entry.mac !== undefined && entry.mac !== link.mac) {
		throw fault(`Interface ${link.name} Mac doesn't match: ${entry.mac} not found`, `It is ${link.mac}`);
	}
	requireUp(link);
	if (wanted.mtu !== undefined && link.mtu !== wanted.mtu) {
		throw fault(`Interface ${link.name} has MTU ${link.mtu}, and the configuration says ${wanted.mtu}`);
	}
	const port = bridgePortOf(link);
	verifyFlag(link, { name: "hairpin mode", actual: port?.hairpin, wanted: wanted.hairpin });
	verifyFlag(link, { name: "port isolation", actual: port?.isolated, wanted: wanted.isolated });
	if (wanted.vlans !== undefined) {
		verifyVlans(host, { link, vlans: wanted.vlans, preserve: wanted.preserveVlans });
	}
	return link;
}

function requireUp({ name, up }: Link): void {
	if (!up) throw fault(`Interface ${name} is down`, `Bring it up with: ip link set ${name} up`);
}

function verifyFlag(link: Link, flag: { name: string; actual: boolean | undefined; wanted: boolean }): void {
	if (flag.actual === flag.wanted) return;
	throw fault(
		`Interface ${link.name} has ${flag.name} ${flag.actual ? "on" : "off"}, and the configuration says ${flag.wanted ? "on" : "off"}`,
	);
}

function verifyVlans(
	host: NetlinkSocket,
	{ link, vlans, preserve }: { link: Link; vlans: readonly PortVlan[]; preserve: boolean },
): void {
	const actual = listPortVlans(host, link.index);
	for (const { id, native } of vlans) {
		const found = actual.find((vlan) => vlan.id === id);
		if (found === undefined) throw fault(`Interface ${link.name} lacks VLAN ${id}`);
		if (found.native !== native) {
			throw fault(`Interface ${link.name} has VLAN ${id} ${found.native ? "untagged" : "tagged"}`);
		}
	}
	const surplus = preserve ? undefined : actual.find(({ id }) => !vlans.some((vlan) => vlan.id === id));
	if (surplus !== undefined) throw fault(`Interface ${link.name} has VLAN ${surplus.id}, which is not configured`);
}

function verifyGateways(
	host: NetlinkSocket,
	{ device, description }: { device: Link; description: BridgeDescription },
): void {
	const { bridge, vlanGateway, forwarding } = description;
	requireAddresses(host, { link: device, addresses: bridge.gateways });
	if (vlanGateway !== undefined) {
		const link = findLink(host, { name: vlanGateway.name });
		if (link === undefined) throw fault(`Interface name ${vlanGateway.name} not found`);
		requireUp(link);
		const port = link.kind === "veth" ? findLink(host, { index: link.peerIndex }) : undefined;
		if (port === undefined || port.master !== device.index) {
			throw fault(`Interface ${link.name} does not lead to bridge ${device.name}`);
		}
		requireUp(port);
		const vlans = [{ id: vlanGateway.vlan, native: true }];
		verifyVlans(host, { link: port, vlans, preserve: description.port.preserveVlans });
		requireAddresses(host, { link, addresses: vlanGateway.gateways });
	}
	for (const family of forwarding) {
		if (!isForwarding(family)) {
			const parameter = family === 4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
			throw fault(`IPv${family} forwarding is off on the host`, `Switch it on with: sysctl -w ${parameter}=1`);
		}
	}
}

function requireAddresses(
	host: NetlinkSocket,
	{ link, addresses }: { link: Link; addresses: readonly IpPrefix[] },
): void {
	if (addresses.length === 0) return;
	const actual = listAddresses(host, link.index);
	for (const address of addresses) {
		if (!actual.some(({ prefix }) => samePrefix(prefix, address))) {
			throw fault(
				`Failed to match gateway addr ${formatPrefix(address)} on interface ${link.name}`,
				`Put it back with: ip address add ${formatPrefix(address)} dev ${link.name}`,
			);
		}
	}
}

function fault(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}

import { removeLink } from "../../../lib/attachment/host-links.ts";
import type { Sandbox } from "../../../lib/attachment/sandbox.ts";
import { randomVethName } from "../../../lib/attachment/veth-name.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { Errno } from "../../../lib/linux/errno.ts";
import { setBridgePort } from "../../../lib/netlink/bridge.ts";
import { addPortVlans, deletePortVlans, listPortVlans } from "../../../lib/netlink/bridge-vlan.ts";
import { findLink, type Link, setLink } from "../../../lib/netlink/link.ts";
import { addVeth } from "../../../lib/netlink/veth.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import { ignoreRouterAdvertisements } from "./bridge-device.ts";
import type { BridgeDescription } from "./description.ts";
import { randomPortMac } from "./port-mac.ts";

export interface VethPair {
	/** The port of the bridge, in the host's namespace. */
	readonly port: Link;
	readonly container: Link;
}

/** Names tried before giving up: one in four thousand million is taken. */
const nameAttempts = 10;

/**
 * Creates the pair: the container's end born in the sandbox and still down, the host's end up, a port of the bridge,
 * tagged with its owner.
 */
export function createVethPair(host: NetlinkSocket, { sandbox, bridge, description, attempting }: NewPair): VethPair {
	const { container, port: wanted } = description;
	for (let attempt = 1; ; attempt++) {
		const name = randomVethName();
		attempting(name);
		// In one system call: a killed ADD leaves no link without an owner.
		const [vethError, aliasError] = host.requestAll([
			addVeth({
				name,
				up: true,
				mac: randomPortMac(),
				master: bridge.index,
				mtu: wanted.mtu,
				peer: { name: container.name, namespaceFd: sandbox.namespace.fd, mtu: wanted.mtu, mac: container.mac },
			}),
			setLink({ name }, { alias: wanted.alias }),
		]);
		if (vethError?.errno === Errno.EEXIST) {
			refuseExistingInterface(sandbox, container.name);
			if (attempt < nameAttempts) continue;
			throw failed("failed to find a unique veth name");
		}
		if (vethError !== undefined) throw failed(`failed to make veth pair: ${vethError.message}`);
		if (aliasError !== undefined) {
			removeLink(host, { name });
			throw failed(`failed to name the owner of "${name}": ${aliasError.message}`);
		}
		ignoreRouterAdvertisements(name);
		return { port: lookUp(host, name), container: lookUp(sandbox.socket, container.name) };
	}
}

export interface NewPair {
	readonly sandbox: Sandbox;
	readonly bridge: Link;
	readonly description: BridgeDescription;
	/** Told the name of the host's end before the kernel is asked to make it, or finds the name taken. */
	readonly attempting: (name: string) => void;
}

/** Refused before anything is done for the attachment. */
export function refuseExistingInterface(sandbox: Sandbox, ifName: string): void {
	if (findLink(sandbox.socket, { name: ifName }) !== undefined) throw alreadyExists(ifName, randomVethName());
}

function alreadyExists(ifName: string, peer: string): CniError {
	return failed(
		`container veth name ("${ifName}") peer provided ("${peer}") already exists`,
		`The container has an interface "${ifName}" already: DEL it first, or choose another CNI_IFNAME`,
	);
}

/** Sets what a new port has not by itself. */
export function configurePort(
	host: NetlinkSocket,
	{ link, wanted }: { link: Link; wanted: BridgeDescription["port"] },
): void {
	if (link.port?.hairpin !== wanted.hairpin || link.port.isolated !== wanted.isolated) {
		host.request(setBridgePort(link, { hairpin: wanted.hairpin, isolated: wanted.isolated }));
	}
	if (wanted.vlans !== undefined) {
		configureVlans(host, { link, vlans: wanted.vlans, preserve: wanted.preserveVlans });
	}
}

/** Makes `vlans` the VLANs of the port; with `preserve`, others stay. Nothing is sent when they are so already. */
export function configureVlans(
	host: NetlinkSocket,
	{ link, vlans, preserve }: { link: Link; vlans: NonNullable<BridgeDescription["port"]["vlans"]>; preserve: boolean },
): void {
	const actual = listPortVlans(host, link.index);
	const surplus = preserve ? [] : actual.filter(({ id }) => !vlans.some((wanted) => wanted.id === id));
	const missing = vlans.filter(
		(wanted) => !actual.some(({ id, native }) => id === wanted.id && native === wanted.native),
	);
	try {
		if (missing.length > 0) host.request(addPortVlans(link.index, missing));
	} catch (thrown) {
		throw failed(`failed to setup vlan tag on interface "${link.name}": ${(thrown as Error).message}`);
	}
	try {
		if (surplus.length > 0) host.request(deletePortVlans(link.index, surplus));
	} catch (thrown) {
		throw failed(`failed to remove default vlan on interface "${link.name}": ${(thrown as Error).message}`);
	}
}

function lookUp(socket: NetlinkSocket, name: string): Link {
	const link = findLink(socket, { name });
	if (link === undefined) throw failed(`failed to lookup "${name}": Link not found`);
	return link;
}

function failed(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}

import { randomVethName } from "../../../lib/attachment/veth-name.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { Errno } from "../../../lib/linux/errno.ts";
import { findLink, type Link, setLink } from "../../../lib/netlink/link.ts";
import { addVeth } from "../../../lib/netlink/veth.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import { configureVlans } from "./port.ts";
import { randomPortMac } from "./port-mac.ts";

/**
 * The host's interface in a VLAN of the bridge, `<bridge>.<vlan>`: one end of a veth pair whose other end is a port of
 * the bridge with that VLAN untagged. It outlives its attachments as the bridge does. What an interrupted ADD left
 * unfinished is finished here.
 */
export function ensureVlanGateway(host: NetlinkSocket, { bridge, name, vlan, preserveVlans }: VlanGateway): Link {
	const gateway = findLink(host, { name }) ?? create(host, { bridge, name });
	const port = gateway.kind === "veth" ? findLink(host, { index: gateway.peerIndex }) : undefined;
	if (port === undefined || port.master !== bridge.index) {
		throw failed(
			`"${name}" exists and does not lead to bridge "${bridge.name}"`,
			`Remove it with: ip link del ${name}`,
		);
	}
	configureVlans(host, { link: port, vlans: [{ id: vlan, native: true }], preserve: preserveVlans });
	for (const link of [port, gateway].filter(({ up }) => !up)) host.request(setLink(link, { up: true }));
	return gateway;
}

export interface VlanGateway {
	readonly bridge: Link;
	readonly name: string;
	readonly vlan: number;
	readonly preserveVlans: boolean;
}

function create(host: NetlinkSocket, { bridge, name }: { bridge: Link; name: string }): Link {
	const peer = randomVethName();
	// Together, so that a killed ADD leaves no half of it.
	const [vethError, masterError] = host.requestAll([
		addVeth({ name, up: true, mtu: bridge.mtu, peer: { name: peer, mtu: bridge.mtu, mac: randomPortMac() } }),
		// Up only now: a veth end that is born up, before the other, is refused (ENOTCONN).
		setLink({ name: peer }, { master: bridge.index, up: true }),
	]);
	// Another ADD has created it since we looked: then there is no `peer` either.
	if (vethError !== undefined && vethError.errno !== Errno.EEXIST) throw failed(vethError.message);
	if (vethError === undefined && masterError !== undefined) throw failed(masterError.message);
	const gateway = findLink(host, { name });
	if (gateway === undefined) throw failed(`failed to lookup "${name}": Link not found`);
	return gateway;
}

function failed(problem: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, `failed to create vlan interface: ${problem}`, { details });
}

import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { bridgePortOf, setBridgePort } from "../../../lib/netlink/bridge.ts";
import { addPortVlans, deletePortVlans, listPortVlans } from "../../../lib/netlink/bridge-vlan.ts";
import type { Link } from "../../../lib/netlink/link.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import type { BridgeDescription } from "./description.ts";

/** Sets what a new port has not by itself. */
export function configurePort(
	host: NetlinkSocket,
	{ link, wanted }: { link: Link; wanted: BridgeDescription["port"] },
): void {
	const actual = bridgePortOf(link);
	if (actual?.hairpin !== wanted.hairpin || actual.isolated !== wanted.isolated) {
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

function failed(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}

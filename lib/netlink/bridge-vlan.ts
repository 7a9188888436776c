import { ifinfomsg } from "./link-message.ts";
import { AF_BRIDGE, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK } from "./rtnetlink.ts";
import { attribute, decodeAttributeList, decodeAttributes } from "./wire/attributes.ts";
import type { Message } from "./wire/message.ts";
import type { NetlinkSocket } from "./wire/socket.ts";

/** A VLAN on a port of a bridge with VLAN filtering; `bridge vlan show`. */
export interface PortVlan {
	/** 1..4094 */
	readonly id: number;
	/** Untagged frames that come in belong to this VLAN, and its frames leave without a tag. */
	readonly native: boolean;
}

const IFLA_EXT_MASK = 29;
const IFLA_AF_SPEC = 26;
const IFLA_BRIDGE_FLAGS = 0;
const IFLA_BRIDGE_VLAN_INFO = 2;
const BRIDGE_FLAGS_MASTER = 1;
const BRIDGE_VLAN_INFO_PVID = 0x2;
const BRIDGE_VLAN_INFO_UNTAGGED = 0x4;
const RTEXT_FILTER_BRVLAN = 2;

/** `bridge vlan add dev PORT vid ID [pvid untagged]` for each VLAN, in one request. */
export function addPortVlans(linkIndex: number, vlans: readonly PortVlan[]): Message {
	return vlanRequest(RTM_SETLINK, linkIndex, vlans);
}

/** `bridge vlan del dev PORT vid ID` for each VLAN, in one request. */
export function deletePortVlans(linkIndex: number, vlans: readonly PortVlan[]): Message {
	return vlanRequest(RTM_DELLINK, linkIndex, vlans);
}

/** `bridge vlan show dev PORT`, by ascending id; empty for a port of a bridge without filtering. @throws NetlinkError */
export function listPortVlans(socket: NetlinkSocket, linkIndex: number): readonly PortVlan[] {
	const answers = socket.dump({
		type: RTM_GETLINK,
		header: ifinfomsg({ family: AF_BRIDGE }),
		attributes: [attribute.u32(IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN)],
	});
	return answers
		.filter(({ body }) => new DataView(body.buffer, body.byteOffset).getInt32(4, true) === linkIndex)
		.flatMap(({ body }) => decodeAttributeList(decodeAttributes(body.subarray(16)).get(IFLA_AF_SPEC) ?? empty))
		.filter(({ type }) => type === IFLA_BRIDGE_VLAN_INFO)
		.map(({ payload }) => decodeVlanInfo(payload));
}

const empty = new Uint8Array(0);

function vlanRequest(type: number, linkIndex: number, vlans: readonly PortVlan[]): Message {
	return {
		type,
		header: ifinfomsg({ family: AF_BRIDGE, index: linkIndex }),
		attributes: [
			attribute.nested(IFLA_AF_SPEC, [
				attribute.u16(IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_MASTER),
				...vlans.map(({ id, native }) =>
					attribute.bytes(
						IFLA_BRIDGE_VLAN_INFO,
						vlanInfo(native ? BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED : 0, id),
					),
				),
			]),
		],
	};
}

/** `struct bridge_vlan_info`: u16 flags, u16 id. */
function vlanInfo(flags: number, id: number): Uint8Array {
	return new Uint8Array(new Uint16Array([flags, id]).buffer);
}

function decodeVlanInfo(payload: Uint8Array): PortVlan {
	const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
	return { id: view.getUint16(2, true), native: (view.getUint16(0, true) & BRIDGE_VLAN_INFO_PVID) !== 0 };
}

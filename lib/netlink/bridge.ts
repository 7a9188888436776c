import type { Link } from "./link.ts";
import {
	IFF_UP,
	IFLA_IFNAME,
	IFLA_INFO_DATA,
	IFLA_INFO_KIND,
	IFLA_LINKINFO,
	ifinfomsg,
	macOf,
	mtuOf,
} from "./link-message.ts";
import { AF_BRIDGE, RTM_NEWLINK, RTM_SETLINK } from "./rtnetlink.ts";
import { attribute, read } from "./wire/attributes.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL } from "./wire/message.ts";

const IFLA_PROTINFO = 12;
const IFLA_BR_VLAN_FILTERING = 7;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;

export interface BridgePort {
	readonly hairpin: boolean;
	readonly isolated: boolean;
}

export interface NewBridge {
	readonly name: string;
	/** Fixed from the start: a bridge without one takes over the address of a port, and changes it with its ports. */
	readonly mac: string;
	/** Bytes; absent for the kernel's default. */
	readonly mtu?: number | undefined;
	readonly vlanFiltering: boolean;
}

/** `ip link add NAME address MAC mtu MTU up type bridge vlan_filtering 1`; the bridge is up. */
export function addBridge({ name, mac, mtu, vlanFiltering }: NewBridge): Message {
	return {
		type: RTM_NEWLINK,
		flags: NLM_F_CREATE | NLM_F_EXCL,
		header: ifinfomsg({ flags: IFF_UP, change: IFF_UP }),
		attributes: [
			attribute.string(IFLA_IFNAME, name),
			...macOf(mac),
			...mtuOf(mtu),
			attribute.nested(IFLA_LINKINFO, [
				attribute.string(IFLA_INFO_KIND, "bridge"),
				...(vlanFiltering ? [attribute.nested(IFLA_INFO_DATA, [attribute.u8(IFLA_BR_VLAN_FILTERING, 1)])] : []),
			]),
		],
	};
}

/** `bridge link set dev PORT hairpin on isolated on`. */
export function setBridgePort(link: { readonly index: number }, { hairpin, isolated }: BridgePort): Message {
	return {
		type: RTM_SETLINK,
		header: ifinfomsg({ ...link, family: AF_BRIDGE }),
		attributes: [
			attribute.nested(IFLA_PROTINFO, [
				attribute.u8(IFLA_BRPORT_MODE, Number(hairpin)),
				attribute.u8(IFLA_BRPORT_ISOLATED, Number(isolated)),
			]),
		],
	};
}

/** `ip link set BRIDGE type bridge vlan_filtering 1`. */
export function enableVlanFiltering(link: { readonly index: number }): Message {
	return {
		type: RTM_NEWLINK,
		header: ifinfomsg(link),
		attributes: [
			attribute.nested(IFLA_LINKINFO, [
				attribute.string(IFLA_INFO_KIND, "bridge"),
				attribute.nested(IFLA_INFO_DATA, [attribute.u8(IFLA_BR_VLAN_FILTERING, 1)]),
			]),
		],
	};
}

/** What it is as the port of a bridge; undefined when it is none. */
export function bridgePortOf({ portData }: Pick<Link, "portData">): BridgePort | undefined {
	if (portData === undefined) return undefined;
	const attributes = read.nested(portData);
	return {
		hairpin: read.u8(attributes.get(IFLA_BRPORT_MODE)) === 1,
		isolated: read.u8(attributes.get(IFLA_BRPORT_ISOLATED)) === 1,
	};
}

/** Whether it is a bridge that looks at the VLANs of packets. */
export function filtersVlans({ kind, kindData }: Pick<Link, "kind" | "kindData">): boolean {
	return kind === "bridge" && read.u8(read.nested(kindData).get(IFLA_BR_VLAN_FILTERING)) === 1;
}

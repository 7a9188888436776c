import { Errno } from "../linux/errno.ts";
import { formatMac, parseMac } from "./mac.ts";
import { AF_BRIDGE, AF_UNSPEC, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK, RTM_SETLINK } from "./rtnetlink.ts";
import { type Attribute, attribute, decodeAttributes, encodeAttributes, read } from "./wire/attributes.ts";
import type { NetlinkError } from "./wire/error.ts";
import type { Message, ReceivedMessage } from "./wire/message.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "./wire/message.ts";
import type { NetlinkSocket } from "./wire/socket.ts";

/** A network interface as the kernel reports it; `ip -d link show`. */
export interface Link {
	readonly index: number;
	readonly name: string;
	readonly alias: string;
	/** `veth`, `bridge`, …; empty for hardware and loopback. */
	readonly kind: string;
	readonly mac: string;
	readonly mtu: number;
	readonly up: boolean;
	/** RFC 2863 operational state. */
	readonly operState: OperState;
	/** Index of the bridge (or other master) that it is a port of; 0 for none. */
	readonly master: number;
	/** Index of the veth peer or lower device, valid in namespace `peerNamespaceId` if that is set. */
	readonly peerIndex: number;
	/** How many users want it promiscuous. */
	readonly promiscuity: number;
	/** What it is as the port of a bridge. */
	readonly port: BridgePort | undefined;
	/** What it is as a bridge. */
	readonly bridge: { readonly vlanFiltering: boolean } | undefined;
}

export interface BridgePort {
	readonly hairpin: boolean;
	readonly isolated: boolean;
}

const operStates = ["unknown", "not-present", "down", "lower-layer-down", "testing", "dormant", "up"] as const;
export type OperState = (typeof operStates)[number];

const IFF_UP = 0x1;
const IFF_PROMISC = 0x100;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_PROTINFO = 12;
const IFLA_TXQLEN = 13;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_PROMISCUITY = 30;

const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const VETH_INFO_PEER = 1;
const IFLA_BR_VLAN_FILTERING = 7;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;

/** Leaves the counters out of the answer. */
const RTEXT_FILTER_SKIP_STATS = 1 << 3;

/** How a request names a link. */
export type LinkReference = { readonly index: number } | { readonly name: string };

/** `ip link show NAME`; undefined when there is none. @throws NetlinkError */
export function findLink(socket: NetlinkSocket, link: LinkReference): Link | undefined {
	const request = {
		type: RTM_GETLINK,
		header: ifinfomsg(link),
		attributes: [...nameOf(link), attribute.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)],
	};
	const answer = socket.find(request, Errno.ENODEV);
	return answer === undefined ? undefined : decodeLink(answer);
}

/** `ip link show`. @throws NetlinkError */
export function listLinks(socket: NetlinkSocket): readonly Link[] {
	const attributes = [attribute.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)];
	return socket.dump({ type: RTM_GETLINK, header: ifinfomsg(), attributes }).map(decodeLink);
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

export interface NewVeth {
	/** The end in the namespace of the socket. */
	readonly name: string;
	readonly up: boolean;
	/** Index of the bridge that the end becomes a port of. */
	readonly master?: number | undefined;
	readonly mtu?: number | undefined;
	readonly mac?: string | undefined;
	readonly peer: {
		readonly name: string;
		/** Where the peer is created; absent for the same namespace. */
		readonly namespaceFd?: number | undefined;
		readonly mtu?: number | undefined;
		readonly mac?: string | undefined;
		readonly up?: boolean;
	};
}

/**
 * `ip link add NAME master BRIDGE up type veth peer name PEER netns NS`: both ends in one request, the peer born in
 * its namespace. Moving a link later would cost 16 ms of RCU grace periods.
 */
export function addVeth({ name, up, master, mtu, mac, peer }: NewVeth): Message {
	return {
		type: RTM_NEWLINK,
		flags: NLM_F_CREATE | NLM_F_EXCL,
		header: ifinfomsg(up ? { flags: IFF_UP, change: IFF_UP } : {}),
		attributes: [
			attribute.string(IFLA_IFNAME, name),
			...macOf(mac),
			...mtuOf(mtu),
			// A queue on the host's end would only add latency before the bridge; the reference shows none either.
			attribute.u32(IFLA_TXQLEN, 0),
			...(master === undefined ? [] : [attribute.u32(IFLA_MASTER, master)]),
			attribute.nested(IFLA_LINKINFO, [
				attribute.string(IFLA_INFO_KIND, "veth"),
				attribute.nested(IFLA_INFO_DATA, [attribute.bytes(VETH_INFO_PEER, peerPayload(peer))]),
			]),
		],
	};
}

/** VETH_INFO_PEER holds a `struct ifinfomsg` and behind it the attributes; as one opaque run of bytes here. */
function peerPayload({ name, namespaceFd, mtu, mac, up = false }: NewVeth["peer"]): Uint8Array {
	const attributes: readonly Attribute[] = [
		attribute.string(IFLA_IFNAME, name),
		...macOf(mac),
		...mtuOf(mtu),
		...(namespaceFd === undefined ? [] : [attribute.u32(IFLA_NET_NS_FD, namespaceFd)]),
	];
	return Buffer.concat([ifinfomsg(up ? { flags: IFF_UP, change: IFF_UP } : {}), encodeAttributes(attributes)]);
}

export interface LinkChange {
	readonly up?: boolean;
	readonly promiscuous?: boolean;
	readonly mac?: string;
	readonly mtu?: number;
	readonly alias?: string;
	/** Index of the new master; 0 to leave it. */
	readonly master?: number;
}

/** `ip link set LINK up promisc on address MAC mtu MTU alias ALIAS master BRIDGE`. */
export function setLink(link: LinkReference, { up, promiscuous, mac, mtu, alias, master }: LinkChange): Message {
	let flags = 0;
	let change = 0;
	if (up !== undefined) {
		change |= IFF_UP;
		if (up) flags |= IFF_UP;
	}
	if (promiscuous !== undefined) {
		change |= IFF_PROMISC;
		if (promiscuous) flags |= IFF_PROMISC;
	}
	return {
		type: RTM_SETLINK,
		header: ifinfomsg({ ...link, flags, change }),
		attributes: [
			...nameOf(link),
			...macOf(mac),
			...mtuOf(mtu),
			...(alias === undefined ? [] : [attribute.string(IFLA_IFALIAS, alias)]),
			...(master === undefined ? [] : [attribute.u32(IFLA_MASTER, master)]),
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

/** `ip link del LINK`. */
export function deleteLink(link: LinkReference): Message {
	return { type: RTM_DELLINK, header: ifinfomsg(link), attributes: nameOf(link) };
}

/** Whether a request failed because the link that it names is not (or no longer) there. */
export function isNoSuchLink(thrown: unknown): boolean {
	return thrown instanceof Error && "errno" in thrown && (thrown as NetlinkError).errno === Errno.ENODEV;
}

export function decodeLink({ body }: ReceivedMessage): Link {
	const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
	const attributes = decodeAttributes(body.subarray(16));
	const info = read.nested(attributes.get(IFLA_LINKINFO));
	const kind = read.string(info.get(IFLA_INFO_KIND)) ?? "";
	const portOf = read.string(info.get(IFLA_INFO_SLAVE_KIND));
	const mac = attributes.get(IFLA_ADDRESS);
	return {
		index: view.getInt32(4, true),
		name: read.string(attributes.get(IFLA_IFNAME)) ?? "",
		alias: read.string(attributes.get(IFLA_IFALIAS)) ?? "",
		kind,
		mac: mac === undefined ? "" : formatMac(mac),
		mtu: read.u32(attributes.get(IFLA_MTU)) ?? 0,
		up: (view.getUint32(8, true) & IFF_UP) !== 0,
		operState: operStates[read.u8(attributes.get(IFLA_OPERSTATE)) ?? 0] ?? "unknown",
		master: read.u32(attributes.get(IFLA_MASTER)) ?? 0,
		peerIndex: read.u32(attributes.get(IFLA_LINK)) ?? 0,
		promiscuity: read.u32(attributes.get(IFLA_PROMISCUITY)) ?? 0,
		port: portOf === "bridge" ? decodeBridgePort(info.get(IFLA_INFO_SLAVE_DATA)) : undefined,
		bridge: kind === "bridge" ? decodeBridge(info.get(IFLA_INFO_DATA)) : undefined,
	};
}

function decodeBridgePort(data: Uint8Array | undefined): BridgePort {
	const attributes = read.nested(data);
	return {
		hairpin: read.u8(attributes.get(IFLA_BRPORT_MODE)) === 1,
		isolated: read.u8(attributes.get(IFLA_BRPORT_ISOLATED)) === 1,
	};
}

function decodeBridge(data: Uint8Array | undefined): { vlanFiltering: boolean } {
	return { vlanFiltering: read.u8(read.nested(data).get(IFLA_BR_VLAN_FILTERING)) === 1 };
}

/** `struct ifinfomsg`: u8 family, u8 pad, u16 type, i32 index, u32 flags, u32 change. */
export function ifinfomsg(
	fields: { family?: number; index?: number; name?: string; flags?: number; change?: number } = {},
): Uint8Array {
	const header = new Uint8Array(16);
	const view = new DataView(header.buffer);
	header[0] = fields.family ?? AF_UNSPEC;
	view.setInt32(4, fields.index ?? 0, true);
	view.setUint32(8, fields.flags ?? 0, true);
	view.setUint32(12, fields.change ?? 0, true);
	return header;
}

function nameOf(link: LinkReference): readonly Attribute[] {
	// Beside an index a name means to rename, which Linux 6.1 refuses (EBUSY) for an interface that is up.
	return "index" in link ? [] : [attribute.string(IFLA_IFNAME, link.name)];
}

function macOf(mac: string | undefined): readonly Attribute[] {
	const bytes = mac === undefined ? undefined : parseMac(mac);
	return bytes === undefined ? [] : [attribute.bytes(IFLA_ADDRESS, bytes)];
}

function mtuOf(mtu: number | undefined): readonly Attribute[] {
	return mtu === undefined || mtu <= 0 ? [] : [attribute.u32(IFLA_MTU, mtu)];
}

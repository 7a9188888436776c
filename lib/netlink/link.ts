import { utf8Length } from "../linux/bytes.ts";
import { Errno, errnoOf } from "../linux/errno.ts";
import {
	IFF_UP,
	IFLA_ADDRESS,
	IFLA_IFNAME,
	IFLA_INFO_DATA,
	IFLA_INFO_KIND,
	IFLA_LINK,
	IFLA_LINKINFO,
	IFLA_MASTER,
	IFLA_MTU,
	IFLA_NET_NS_FD,
	IFLA_TXQLEN,
	ifinfomsg,
	type LinkReference,
	macOf,
	mtuOf,
	nameOf,
} from "./link-message.ts";
import { formatMac } from "./mac.ts";
import { RTM_DELLINK, RTM_GETLINK, RTM_SETLINK } from "./rtnetlink.ts";
import { attribute, decodeAttributes, read, u32 } from "./wire/attributes.ts";
import type { Message, ReceivedMessage } from "./wire/message.ts";
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
	/** Index of the veth peer or lower device, in the namespace where that one is. */
	readonly peerIndex: number;
	/** Whether the veth peer or lower device is in another namespace. */
	readonly isPeerElsewhere: boolean;
	/** How many users want it promiscuous. */
	readonly promiscuity: number;
	/** Whether somebody has asked for all multicast packets. */
	readonly allMulticast: boolean;
	/** Packets that may wait to be sent. */
	readonly txQueueLength: number;
	/** IFLA_INFO_DATA, which the file of the kind can read (`bridge.ts`, `macvlan.ts`, …): few who ask for a link do. */
	readonly kindData: Uint8Array | undefined;
	/** IFLA_INFO_SLAVE_DATA of a bridge's port, which `bridge.ts` can read. */
	readonly portData: Uint8Array | undefined;
}

const operStates = ["unknown", "not-present", "down", "lower-layer-down", "testing", "dormant", "up"] as const;
export type OperState = (typeof operStates)[number];

const IFF_PROMISC = 0x100;
const IFF_ALLMULTI = 0x200;
const IFLA_OPERSTATE = 16;
const IFLA_IFALIAS = 20;
const IFLA_EXT_MASK = 29;
const IFLA_PROMISCUITY = 30;
const IFLA_LINK_NETNSID = 37;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;

/** ALTIFNAMSIZ of the kernel, less the closing NUL. */
const longestName = 127;

/** Leaves the counters out of the answer. */
const RTEXT_FILTER_SKIP_STATS = 1 << 3;

/** `ip link show NAME`; undefined when there is none. @throws NetlinkError */
export function findLink(socket: NetlinkSocket, link: LinkReference): Link | undefined {
	// No interface has such a name, not as a second one either, and the kernel refuses to look.
	if (!("index" in link) && utf8Length(link.name) > longestName) return undefined;
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

export interface LinkChange {
	/** The new name of a link that is referred to by its index. */
	readonly name?: string;
	readonly up?: boolean;
	readonly promiscuous?: boolean;
	readonly allMulticast?: boolean;
	readonly mac?: string;
	readonly mtu?: number;
	readonly txQueueLength?: number;
	readonly alias?: string;
	/** Index of the new master; 0 to leave it. */
	readonly master?: number;
	/** The namespace that it moves to. There it gets the new name and all other changes. */
	readonly namespaceFd?: number;
}

/**
 * `ip link set LINK netns NS name NAME up promisc on allmulticast on address MAC mtu MTU txqueuelen N alias ALIAS master
 * BRIDGE`.
 */
export function setLink(link: LinkReference, changes: LinkChange): Message {
	const { name, up, promiscuous, allMulticast, mac, mtu, txQueueLength, alias, master, namespaceFd } = changes;
	let flags = 0;
	let change = 0;
	for (const [flag, wanted] of [
		[IFF_UP, up],
		[IFF_PROMISC, promiscuous],
		[IFF_ALLMULTI, allMulticast],
	] as const) {
		if (wanted === undefined) continue;
		change |= flag;
		if (wanted) flags |= flag;
	}
	return {
		type: RTM_SETLINK,
		header: ifinfomsg({ ...link, flags, change }),
		attributes: [
			...nameOf(link),
			...(name === undefined ? [] : [attribute.string(IFLA_IFNAME, name)]),
			...macOf(mac),
			...mtuOf(mtu),
			...(txQueueLength === undefined ? [] : [attribute.u32(IFLA_TXQLEN, txQueueLength)]),
			...(alias === undefined ? [] : [attribute.string(IFLA_IFALIAS, alias)]),
			...(master === undefined ? [] : [attribute.u32(IFLA_MASTER, master)]),
			...(namespaceFd === undefined ? [] : [attribute.u32(IFLA_NET_NS_FD, namespaceFd)]),
		],
	};
}

/** `ip link del LINK`. */
export function deleteLink(link: LinkReference): Message {
	return { type: RTM_DELLINK, header: ifinfomsg(link), attributes: nameOf(link) };
}

/** Whether a request failed because the link that it names is not (or no longer) there. */
export function isNoSuchLink(thrown: unknown): boolean {
	return errnoOf(thrown) === Errno.ENODEV;
}

export function decodeLink({ body }: ReceivedMessage): Link {
	const attributes = decodeAttributes(body.subarray(16));
	const info = read.nested(attributes.get(IFLA_LINKINFO));
	const kind = info.string(IFLA_INFO_KIND) ?? "";
	const portOf = info.string(IFLA_INFO_SLAVE_KIND);
	const mac = attributes.get(IFLA_ADDRESS);
	const flags = u32(body, 8);
	return {
		index: u32(body, 4) | 0,
		name: attributes.string(IFLA_IFNAME) ?? "",
		alias: attributes.string(IFLA_IFALIAS) ?? "",
		kind,
		mac: mac === undefined ? "" : formatMac(mac),
		mtu: attributes.u32(IFLA_MTU) ?? 0,
		up: (flags & IFF_UP) !== 0,
		operState: operStates[read.u8(attributes.get(IFLA_OPERSTATE)) ?? 0] ?? "unknown",
		master: attributes.u32(IFLA_MASTER) ?? 0,
		peerIndex: attributes.u32(IFLA_LINK) ?? 0,
		isPeerElsewhere: attributes.get(IFLA_LINK_NETNSID) !== undefined,
		promiscuity: attributes.u32(IFLA_PROMISCUITY) ?? 0,
		allMulticast: (flags & IFF_ALLMULTI) !== 0,
		txQueueLength: attributes.u32(IFLA_TXQLEN) ?? 0,
		kindData: info.get(IFLA_INFO_DATA),
		portData: portOf === "bridge" ? info.get(IFLA_INFO_SLAVE_DATA) : undefined,
	};
}

import { concatBytes } from "../linux/bytes.ts";
import {
	IFF_UP,
	IFLA_IFNAME,
	IFLA_INFO_DATA,
	IFLA_INFO_KIND,
	IFLA_LINKINFO,
	IFLA_MASTER,
	IFLA_NET_NS_FD,
	IFLA_TXQLEN,
	ifinfomsg,
	macOf,
	mtuOf,
} from "./link-message.ts";
import { RTM_NEWLINK } from "./rtnetlink.ts";
import { type Attribute, attribute, encodeAttributes } from "./wire/attributes.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL } from "./wire/message.ts";

const VETH_INFO_PEER = 1;

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
	return concatBytes([ifinfomsg(up ? { flags: IFF_UP, change: IFF_UP } : {}), encodeAttributes(attributes)]);
}

import { addressFromBytes, type Family, type IpAddress } from "../ip/address.ts";
import { Errno } from "../linux/errno.ts";
import { addressFamily } from "./rtnetlink.ts";
import { type Attribute, attribute, decodeAttributes, read } from "./wire/attributes.ts";
import type { Message, ReceivedMessage } from "./wire/message.ts";
import { NETLINK_NETFILTER, type NetlinkSocket, openNetlinkSocket } from "./wire/socket.ts";

/** NFNL_SUBSYS_CTNETLINK: the high byte of every message type. */
const subsystem = 1;
const IPCTNL_MSG_CT_GET = 1;
const IPCTNL_MSG_CT_DELETE = 2;

const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
/** CTA_FILTER_FLAG(CTA_PROTO_NUM): bits of what is compared. */
const compareProtocol = 1 << 3;

/** A connection that the kernel tracks, as far as port maps are concerned; `conntrack -L`. */
export interface Connection {
	/** Where its first packet was sent to. */
	readonly destination: IpAddress | undefined;
	readonly destinationPort: number;
	/** Who answers: after destination NAT, the container. */
	readonly answeredBy: IpAddress | undefined;
	/** Names it for {@link deleteConnections}. */
	readonly identity: readonly Attribute[];
}

/** Connections of one family and protocol. */
export interface ConnectionKind {
	readonly family: Family;
	/** IPPROTO_*: 17 for UDP. */
	readonly protocol: number;
}

/** A socket for the connections of the thread's current namespace. */
export function openConntrackSocket(): NetlinkSocket {
	return openNetlinkSocket(NETLINK_NETFILTER);
}

/**
 * `conntrack -L -f FAMILY -p PROTOCOL`: the kernel sends those of the protocol only (from Linux 5.8 on; before, all).
 *
 * @throws NetlinkError
 */
export function listConnections(socket: NetlinkSocket, kind: ConnectionKind): readonly Connection[] {
	const number = attribute.u8(CTA_PROTO_NUM, kind.protocol);
	const attributes = [
		attribute.nested(CTA_TUPLE_ORIG, [attribute.nested(CTA_TUPLE_PROTO, [number])]),
		attribute.nested(CTA_FILTER, [
			attribute.u32(CTA_FILTER_ORIG_FLAGS, compareProtocol),
			attribute.u32(CTA_FILTER_REPLY_FLAGS, 0),
		]),
	];
	return socket
		.dump(message(IPCTNL_MSG_CT_GET, { family: kind.family, attributes }))
		.map((answer) => decodeConnection(answer, kind))
		.filter((connection) => connection !== undefined);
}

/** `conntrack -D`: of each, only the very one that was listed. One that has ended is success. @throws NetlinkError */
export function deleteConnections(
	socket: NetlinkSocket,
	{ family, connections }: { family: Family; connections: readonly Connection[] },
): void {
	const errors = socket.requestAll(
		connections.map(({ identity }) => message(IPCTNL_MSG_CT_DELETE, { family, attributes: identity })),
	);
	const failed = errors.find((error) => error !== undefined && error.errno !== Errno.ENOENT);
	if (failed !== undefined) throw failed;
}

function decodeConnection({ body }: ReceivedMessage, { protocol }: ConnectionKind): Connection | undefined {
	const attributes = decodeAttributes(body.subarray(4));
	const original = attributes.get(CTA_TUPLE_ORIG);
	if (original === undefined) return undefined;
	const { addresses, ports } = decodeTuple(original);
	if (read.u8(ports.get(CTA_PROTO_NUM)) !== protocol) return undefined;
	const reply = decodeTuple(attributes.get(CTA_TUPLE_REPLY) ?? new Uint8Array(0)).addresses;
	return {
		destination: addressIn(addresses.get(CTA_IP_V4_DST) ?? addresses.get(CTA_IP_V6_DST)),
		destinationPort: portIn(ports.get(CTA_PROTO_DST_PORT)),
		answeredBy: addressIn(reply.get(CTA_IP_V4_SRC) ?? reply.get(CTA_IP_V6_SRC)),
		identity: [CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE].flatMap((type) => {
			const payload = attributes.get(type);
			return payload === undefined ? [] : [{ type: type === CTA_TUPLE_ORIG ? type | nested : type, payload }];
		}),
	};
}

/** NLA_F_NESTED: the kernel insists on it in what it is told. */
const nested = 0x8000;

function decodeTuple(payload: Uint8Array) {
	const tuple = decodeAttributes(payload);
	return { addresses: read.nested(tuple.get(CTA_TUPLE_IP)), ports: read.nested(tuple.get(CTA_TUPLE_PROTO)) };
}

function addressIn(payload: Uint8Array | undefined): IpAddress | undefined {
	return payload === undefined ? undefined : addressFromBytes(payload);
}

function portIn(payload: Uint8Array | undefined): number {
	return ((payload?.[0] ?? 0) << 8) | (payload?.[1] ?? 0);
}

/** `struct nfgenmsg`: u8 family, u8 version 0, u16 resource 0. */
function message(type: number, { family, attributes }: { family: Family; attributes: readonly Attribute[] }): Message {
	return { type: (subsystem << 8) | type, header: new Uint8Array([addressFamily(family), 0, 0, 0]), attributes };
}

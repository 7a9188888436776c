import {
	addressFromBytes,
	addressToBytes,
	defaultPrefix,
	type IpAddress,
	type IpPrefix,
	networkOf,
} from "../ip/address.ts";
import { Errno } from "../linux/errno.ts";
import { AF_INET, AF_INET6, addressFamily, RTM_DELROUTE, RTM_GETROUTE, RTM_NEWROUTE } from "./rtnetlink.ts";
import { type Attribute, attribute, decodeAttributes, type ReceivedAttributes, read } from "./wire/attributes.ts";
import { NetlinkError } from "./wire/error.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL, type ReceivedMessage } from "./wire/message.ts";
import type { NetlinkSocket } from "./wire/socket.ts";

/** A unicast route through one link; `ip route`. */
export interface Route {
	readonly destination: IpPrefix;
	readonly linkIndex: number;
	readonly gateway?: IpAddress | undefined;
	readonly source?: IpAddress | undefined;
	/** Metric. */
	readonly priority?: number | undefined;
	/** Routing table; absent for main. */
	readonly table?: number | undefined;
	/** 0 global, 253 link, 254 host; absent for global. */
	readonly scope?: number | undefined;
	/** Bytes. */
	readonly mtu?: number | undefined;
	/** Advertised maximum segment size of TCP, bytes. */
	readonly advmss?: number | undefined;
}

/** A route as the kernel reports it: several next hops where it merged routes. */
export interface InstalledRoute {
	readonly destination: IpPrefix;
	readonly table: number;
	readonly scope: number;
	readonly priority: number;
	readonly source: IpAddress | undefined;
	readonly mtu: number;
	readonly advmss: number;
	readonly hops: readonly { readonly linkIndex: number; readonly gateway: IpAddress | undefined }[];
}

export const mainTable = 254;
/** Of scopes. */
export const RT_SCOPE_LINK = 253;
export const RT_SCOPE_HOST = 254;
const RT_SCOPE_NOWHERE = 255;
const RTPROT_BOOT = 3;
const RTN_UNICAST = 1;
/** Places in `struct rtmsg`. */
const rtmProtocol = 5;
const rtmType = 7;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTAX_MTU = 2;
const RTAX_ADVMSS = 8;

/**
 * `ip route add DESTINATION via GATEWAY dev LINK src SOURCE metric PRIORITY table TABLE scope SCOPE mtu MTU`.
 * The kernel answers EEXIST for an exact duplicate; another gateway makes a second route or a next hop.
 */
export function addRoute(route: Route): Message {
	return { ...routeMessage(route), flags: NLM_F_CREATE };
}

/** The same where there is no route to the destination with that metric yet; fails with EEXIST where there is. */
export function addFirstRoute(route: Route): Message {
	return { ...routeMessage(route), flags: NLM_F_CREATE | NLM_F_EXCL };
}

/** `ip route del DESTINATION dev LINK scope nowhere`: whatever its scope, protocol and metric. */
export function deleteRoute({ destination, linkIndex }: Pick<Route, "destination" | "linkIndex">): Message {
	const route = { destination, linkIndex, scope: RT_SCOPE_NOWHERE };
	const header = rtmsg(route);
	header[rtmProtocol] = 0;
	header[rtmType] = 0;
	return { type: RTM_DELROUTE, header, attributes: routeAttributes(route) };
}

/** A request for the route, of which the flags say what is to be done. */
export function routeMessage(route: Route): Message {
	return { type: RTM_NEWROUTE, header: rtmsg(route), attributes: routeAttributes(route) };
}

/** `ip route show table TABLE`, both families; unicast routes only. @throws NetlinkError */
export function listRoutes(socket: NetlinkSocket, table: number): readonly InstalledRoute[] {
	return [AF_INET, AF_INET6].flatMap((family) => {
		const header = new Uint8Array(12);
		header[0] = family;
		return dumpTable(socket, { type: RTM_GETROUTE, header, attributes: [attribute.u32(RTA_TABLE, table)] })
			.filter(({ body }) => body[7] === RTN_UNICAST)
			.map(decodeRoute)
			.filter((route) => route.table === table);
	});
}

/**
 * `ip route get ADDRESS`: the index of the link by which packets to it leave; undefined when there is no way.
 *
 * @throws NetlinkError
 */
export function routeTo(socket: NetlinkSocket, address: IpAddress): number | undefined {
	const bytes = addressToBytes(address);
	const header = new Uint8Array(12);
	header[0] = addressFamily(address.family);
	header[1] = bytes.byteLength * 8;
	try {
		const request = { type: RTM_GETROUTE, header, attributes: [attribute.bytes(RTA_DST, bytes)] };
		const answer = socket.find(request, Errno.ENETUNREACH);
		return answer === undefined ? undefined : decodeRoute(answer).hops[0]?.linkIndex;
	} catch (thrown) {
		const noWay: readonly number[] = [Errno.EHOSTUNREACH, Errno.ENOENT, Errno.EACCES, Errno.EINVAL];
		if (thrown instanceof NetlinkError && noWay.includes(thrown.errno)) return undefined;
		throw thrown;
	}
}

/** A table exists, for each family, from its first route on. */
function dumpTable(socket: NetlinkSocket, request: Message): readonly ReceivedMessage[] {
	try {
		return socket.dump(request);
	} catch (thrown) {
		if (thrown instanceof NetlinkError && thrown.errno === Errno.ENOENT) return [];
		throw thrown;
	}
}

export function decodeRoute({ body }: Pick<ReceivedMessage, "body">): InstalledRoute {
	const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
	const attributes = decodeAttributes(body.subarray(12));
	const family = view.getUint8(0) === AF_INET ? 4 : 6;
	const destination = attributes.get(RTA_DST);
	const metrics = read.nested(attributes.get(RTA_METRICS));
	const multipath = attributes.get(RTA_MULTIPATH);
	return {
		destination:
			destination === undefined
				? defaultPrefix(family)
				: { address: addressFromBytes(destination), length: view.getUint8(1) },
		table: attributes.u32(RTA_TABLE) ?? view.getUint8(4),
		scope: view.getUint8(6),
		priority: attributes.u32(RTA_PRIORITY) ?? 0,
		source: addressIn(attributes.get(RTA_PREFSRC)),
		mtu: metrics.u32(RTAX_MTU) ?? 0,
		advmss: metrics.u32(RTAX_ADVMSS) ?? 0,
		hops:
			multipath === undefined
				? [{ linkIndex: attributes.u32(RTA_OIF) ?? 0, gateway: gatewayIn(attributes) }]
				: decodeNextHops(multipath),
	};
}

/** `struct rtnexthop`: u16 length, u8 flags, u8 hops, i32 index; attributes behind it. */
function decodeNextHops(bytes: Uint8Array): InstalledRoute["hops"] {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const hops: { linkIndex: number; gateway: IpAddress | undefined }[] = [];
	for (let offset = 0; offset + 8 <= bytes.byteLength; ) {
		const length = view.getUint16(offset, true);
		if (length < 8) break;
		const attributes = decodeAttributes(bytes.subarray(offset + 8, offset + length));
		hops.push({ linkIndex: view.getInt32(offset + 4, true), gateway: gatewayIn(attributes) });
		offset += (length + 3) & ~3;
	}
	return hops;
}

function gatewayIn(attributes: ReceivedAttributes): IpAddress | undefined {
	// RTA_VIA: an IPv4 route whose gateway is IPv6; u16 family, then the address.
	return addressIn(attributes.get(RTA_GATEWAY) ?? attributes.get(RTA_VIA)?.subarray(2));
}

function addressIn(payload: Uint8Array | undefined): IpAddress | undefined {
	return payload === undefined ? undefined : addressFromBytes(payload);
}

/**
 * `struct rtmsg`: u8 family, dst_len, src_len, tos, table, protocol, scope, type; u32 flags. Tables above 255 travel in
 * RTA_TABLE.
 */
function rtmsg({ destination, table = mainTable, scope = 0 }: Route): Uint8Array {
	return new Uint8Array([
		addressFamily(destination.address.family),
		destination.length,
		0,
		0,
		table > 255 ? 0 : tableOrMain(table),
		RTPROT_BOOT,
		scope,
		RTN_UNICAST,
		0,
		0,
		0,
		0,
	]);
}

function routeAttributes(route: Route): readonly Attribute[] {
	const { destination, linkIndex, gateway, source, priority, table = mainTable, mtu, advmss } = route;
	const metrics = [
		...(mtu ? [attribute.u32(RTAX_MTU, mtu)] : []),
		...(advmss ? [attribute.u32(RTAX_ADVMSS, advmss)] : []),
	];
	return [
		// The kernel refuses host bits in a destination.
		...(destination.length > 0 ? [attribute.bytes(RTA_DST, addressToBytes(networkOf(destination).address))] : []),
		attribute.u32(RTA_OIF, linkIndex),
		...(gateway === undefined ? [] : [attribute.bytes(RTA_GATEWAY, addressToBytes(gateway))]),
		...(source === undefined ? [] : [attribute.bytes(RTA_PREFSRC, addressToBytes(source))]),
		...(priority ? [attribute.u32(RTA_PRIORITY, priority)] : []),
		...(metrics.length > 0 ? [attribute.nested(RTA_METRICS, metrics)] : []),
		...(table > 255 ? [attribute.u32(RTA_TABLE, table)] : []),
	];
}

/** Table 0 in a configuration means main, as it does for `ip route`. */
export function tableOrMain(table: number | undefined): number {
	return table === undefined || table === 0 ? mainTable : table;
}

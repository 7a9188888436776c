import type { Family } from "../ip/address.ts";
import { concatBytes } from "../linux/bytes.ts";
import { decodeRoute, type InstalledRoute, type Route, routeMessage } from "./route.ts";
import { addressFamily, RTM_DELROUTE, RTM_GETROUTE, RTM_NEWROUTE } from "./rtnetlink.ts";
import { attribute, decodeAttributeList, encodeAttributes } from "./wire/attributes.ts";
import { type Message, NLM_F_APPEND, NLM_F_CREATE } from "./wire/message.ts";
import type { NetlinkSocket } from "./wire/socket.ts";

/** A route together with everything that the kernel says of it: enough to make the same again, in this or another table. */
export interface RouteCopy extends InstalledRoute {
	/** The body of a request for it: `struct rtmsg` and attributes. */
	readonly body: Uint8Array;
}

const RTN_UNICAST = 1;
const RTA_CACHEINFO = 12;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;
const RTA_NH_ID = 30;
const RTNH_F_PERVASIVE = 2;
const RTNH_F_ONLINK = 4;

/** A route as the kernel tells of it. */
export interface ListedRoute extends InstalledRoute {
	/** `struct rtmsg` and attributes, also those that no request takes. */
	readonly listed: Uint8Array;
}

/** `ip route show table all dev LINK`: unicast routes that lead through this link and no other. @throws NetlinkError */
export function listLinkRoutes(
	socket: NetlinkSocket,
	linkIndex: number,
	families?: readonly Family[],
): readonly RouteCopy[] {
	return routesThrough(listAllRoutes(socket, families), linkIndex);
}

export function routesThrough(routes: readonly ListedRoute[], linkIndex: number): readonly RouteCopy[] {
	return routes
		.filter((route) => isUnicast(route) && route.hops.every((hop) => hop.linkIndex === linkIndex))
		.map(({ listed, ...route }) => ({ ...route, body: requestBody(listed, route.table) }));
}

/** Whether it leads somewhere, and is none of the kernel's own for an address. */
export function isUnicast({ listed }: ListedRoute): boolean {
	return listed[7] === RTN_UNICAST;
}

/** `ip route show table all`, with those of addresses, and those that lead nowhere. @throws NetlinkError */
export function listAllRoutes(socket: NetlinkSocket, families: readonly Family[] = [4, 6]): readonly ListedRoute[] {
	return families.flatMap((family) => {
		const header = new Uint8Array(12);
		header[0] = addressFamily(family);
		return socket.dump({ type: RTM_GETROUTE, header }).map(({ body }) => ({ ...decodeRoute({ body }), listed: body }));
	});
}

/** The copy for a route that is not there yet. */
export function copyOf(route: Route): RouteCopy {
	const { header, attributes = [] } = routeMessage(route);
	return parseRouteCopy(concatBytes([header, encodeAttributes(attributes)]));
}

/** The same route for another table. */
export function copyToTable({ body }: RouteCopy, table: number): RouteCopy {
	return parseRouteCopy(requestBody(body, table));
}

/** Reads what {@link RouteCopy.body} held. */
export function parseRouteCopy(body: Uint8Array): RouteCopy {
	return { ...decodeRoute({ body }), body };
}

/** Whether it names no gateway. */
export function isOnLink({ hops }: RouteCopy): boolean {
	return hops.every(({ gateway }) => gateway === undefined);
}

/** In an order in which they can be added: a gateway can be named once there is a route to it. */
export function onLinkFirst(routes: readonly RouteCopy[]): readonly RouteCopy[] {
	return [...routes.filter(isOnLink), ...routes.filter((route) => !isOnLink(route))];
}

/** `ip route append …`: behind others to the same destination; EEXIST for an exact duplicate. */
export function appendRoute({ body }: RouteCopy): Message {
	return { type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_APPEND, header: body };
}

/** `ip route del …`: this route and no other; ESRCH when there is none. */
export function deleteExactRoute({ body }: RouteCopy): Message {
	return { type: RTM_DELROUTE, header: body };
}

/** Without what the kernel reports but does not accept: caches, states of links, the number of a nexthop object. */
function requestBody(body: Uint8Array, table: number): Uint8Array {
	const header = body.slice(0, 12);
	header[4] = table > 255 ? 0 : table;
	header.set([(header[8] ?? 0) & (RTNH_F_PERVASIVE | RTNH_F_ONLINK), 0, 0, 0], 8);
	const attributes = decodeAttributeList(body.subarray(12))
		.filter(({ type }) => type !== RTA_TABLE && type !== RTA_CACHEINFO && type !== RTA_NH_ID)
		.map(({ type, payload }) => ({ type, payload: type === RTA_MULTIPATH ? withoutStates(payload) : payload }));
	return concatBytes([header, encodeAttributes([...attributes, attribute.u32(RTA_TABLE, table)])]);
}

/** `struct rtnexthop`: u16 length, u8 flags, u8 hops, i32 index; attributes behind it. */
function withoutStates(multipath: Uint8Array): Uint8Array {
	const copy = multipath.slice();
	const view = new DataView(copy.buffer);
	for (let offset = 0; offset + 8 <= copy.byteLength; ) {
		const length = view.getUint16(offset, true);
		if (length < 8) break;
		view.setUint8(offset + 2, view.getUint8(offset + 2) & (RTNH_F_PERVASIVE | RTNH_F_ONLINK));
		offset += (length + 3) & ~3;
	}
	return copy;
}

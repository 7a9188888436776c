import { utf8Length } from "../linux/bytes.ts";
import { parseMac } from "./mac.ts";
import { AF_UNSPEC } from "./rtnetlink.ts";
import { type Attribute, attribute } from "./wire/attributes.ts";

/*
 * What requests about links of every kind are made of.
 */

export const IFF_UP = 0x1;
export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINK = 5;
export const IFLA_MASTER = 10;
export const IFLA_TXQLEN = 13;
export const IFLA_LINKINFO = 18;
export const IFLA_NET_NS_FD = 28;
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;

/** How a request names a link. */
export type LinkReference = { readonly index: number } | { readonly name: string };

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

/** A longer name can only be one of the further names that a link may have. */
const maxNameBytes = 15;
const IFLA_ALT_IFNAME = 53;

export function nameOf(link: LinkReference): readonly Attribute[] {
	// Beside an index a name means to rename, which Linux 6.1 refuses (EBUSY) for an interface that is up.
	if ("index" in link) return [];
	return [attribute.string(utf8Length(link.name) > maxNameBytes ? IFLA_ALT_IFNAME : IFLA_IFNAME, link.name)];
}

export function macOf(mac: string | undefined): readonly Attribute[] {
	const bytes = mac === undefined ? undefined : parseMac(mac);
	return bytes === undefined ? [] : [attribute.bytes(IFLA_ADDRESS, bytes)];
}

export function mtuOf(mtu: number | undefined): readonly Attribute[] {
	return mtu === undefined || mtu <= 0 ? [] : [attribute.u32(IFLA_MTU, mtu)];
}

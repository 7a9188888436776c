import { encodeUtf8 } from "../../linux/utf8.ts";
import type { Expression } from "./expression.ts";
import type { LoadedField } from "./match.ts";

/*
 * What rules look at in tables of family bridge, beside what tables of IP know: interfaces, hardware addresses, ARP and
 * neighbour discovery.
 */

const etherTypes = { ip: 0x0800, arp: 0x0806, ip6: 0x86dd } as const;

/** `meta protocol ip`: in a table of family bridge, what has to stand before the first look into the packet. */
export function matchProtocol(protocol: keyof typeof etherTypes): readonly Expression[] {
	const number = etherTypes[protocol];
	return [
		{ kind: "meta", key: "protocol" },
		{ kind: "compare", operator: "==", bytes: new Uint8Array([number >> 8, number & 255]) },
	];
}

/** `iifname` */
export const loadInputInterface = metaField("iifname");

/** `oifname` */
export const loadOutputInterface = metaField("oifname");

/** `ether saddr` */
export const loadSourceMac = payloadField("link", { offset: 6, length: 6 });

/** `meta iiftype ether`: in a table for IP, what has to stand before the first look at a hardware address. */
export const matchEthernet: readonly Expression[] = [
	{ kind: "meta", key: "iiftype" },
	{ kind: "compare", operator: "==", bytes: new Uint8Array([1, 0]) },
];

/** `arp htype 1 arp ptype ip arp hlen 6 arp plen 4`: that of Ethernet and IPv4, whose fields lie as below. */
export const matchEthernetArp: readonly Expression[] = [
	{ kind: "payload", base: "network", offset: 0, length: 6 },
	{ kind: "compare", operator: "==", bytes: new Uint8Array([0, 1, 8, 0, 6, 4]) },
];

/** `arp saddr ether` */
export const loadArpSourceMac = payloadField("network", { offset: 8, length: 6 });

/** `arp saddr ip` */
export const loadArpSource = payloadField("network", { offset: 14, length: 4 });

/** The target of a neighbour solicitation or advertisement; nft has no name for it before 1.0.8: `icmpv6 taddr`. */
export const loadNeighbourTarget = payloadField("transport", { offset: 8, length: 16 });

const IPPROTO_ICMPV6 = 58;

/** `meta l4proto icmpv6` */
export function matchIcmp6(operator: "==" | "!=" = "=="): readonly Expression[] {
	return [
		{ kind: "meta", key: "l4proto" },
		{ kind: "compare", operator, bytes: new Uint8Array([IPPROTO_ICMPV6]) },
	];
}

/** ICMPv6 types of neighbour discovery, RFC 4861. */
const neighbourTypes = {
	"nd-router-advert": 134,
	"nd-neighbor-solicit": 135,
	"nd-neighbor-advert": 136,
	"nd-redirect": 137,
} as const;
export type NeighbourType = keyof typeof neighbourTypes;

/** `icmpv6 type TYPE`, behind {@link matchIcmp6}. */
export function matchNeighbourType(type: NeighbourType): readonly Expression[] {
	return [
		{ kind: "payload", base: "transport", offset: 0, length: 1 },
		{ kind: "compare", operator: "==", bytes: new Uint8Array([neighbourTypes[type]]) },
	];
}

/** `meta iifkind KIND`, `meta oifkind KIND` */
export function matchInterfaceKind(key: "iifkind" | "oifkind", kind: string): readonly Expression[] {
	return [
		{ kind: "meta", key },
		{ kind: "compare", operator: "==", bytes: interfaceName(kind) },
	];
}

/** `meta pkttype != host`: for everybody on the link, or several there. */
export const matchNotForHost: readonly Expression[] = [
	{ kind: "meta", key: "pkttype" },
	{ kind: "compare", operator: "!=", bytes: new Uint8Array([0]) },
];

/** `ct state established,related` */
export const matchKnownConnection: readonly Expression[] = [
	{ kind: "ct", key: "state" },
	{ kind: "mask", mask: new Uint8Array([6, 0, 0, 0]) },
	{ kind: "compare", operator: "!=", bytes: new Uint8Array(4) },
];

/** The bytes of an interface's name as the kernel compares them: 16, padded with NUL. */
export function interfaceName(name: string): Uint8Array {
	const bytes = new Uint8Array(16);
	bytes.set(encodeUtf8(name).subarray(0, 15));
	return bytes;
}

function metaField(key: "iifname" | "oifname"): LoadedField {
	return { length: 16, load: (at) => [{ kind: "meta", key, ...placed(at) }] };
}

function payloadField(
	base: "link" | "network" | "transport",
	{ offset, length }: { offset: number; length: number },
): LoadedField {
	return { length, load: (at) => [{ kind: "payload", base, offset, length, ...placed(at) }] };
}

function placed(at: number): { readonly at?: number } {
	return at === 0 ? {} : { at };
}

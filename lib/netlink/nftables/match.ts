import { addressToBytes, bitsOf, type Family, type IpPrefix, networkOf } from "../../ip/address.ts";
import { encodeUtf8 } from "../../linux/utf8.ts";
import type { Expression } from "./expression.ts";

/** `ip saddr`, `ip daddr`, `ip6 saddr`, `ip6 daddr`: where they lie in the network header. */
const offsets = { 4: { saddr: 12, daddr: 16 }, 6: { saddr: 8, daddr: 24 } } as const;

/** NFPROTO_IPV4 and NFPROTO_IPV6. */
const nfproto = { 4: 2, 6: 10 } as const;

/** `meta nfproto ipv4`: in a table of family inet, what has to stand before the first look into an IP header. */
export function matchFamily(family: Family): readonly Expression[] {
	return [
		{ kind: "meta", key: "nfproto" },
		{ kind: "compare", operator: "==", bytes: new Uint8Array([nfproto[family]]) },
	];
}

/**
 * `ip saddr 10.1.2.3`, `ip6 daddr != fd00::/64`, in the form that `nft` gives it: whole bytes of a prefix are loaded
 * and compared, any other prefix is masked, a full-length one is an address.
 */
export function matchAddress(
	field: "saddr" | "daddr",
	{ operator, prefix }: { operator: "==" | "!="; prefix: IpPrefix },
): readonly Expression[] {
	const { family } = prefix.address;
	const network = addressToBytes(networkOf(prefix).address);
	const wholeBytes = prefix.length % 8 === 0 && prefix.length > 0;
	const length = wholeBytes ? prefix.length / 8 : network.byteLength;
	return [
		{ kind: "payload", base: "network", offset: offsets[family][field], length },
		...(wholeBytes ? [] : [{ kind: "mask", mask: maskOf(family, prefix.length) } as const]),
		{ kind: "compare", operator, bytes: network.subarray(0, length) },
	];
}

/** `iifname "NAME"`: exactly this name, also when it ends with an asterisk. */
export function matchInputInterface(name: string, operator: "==" | "!=" = "=="): readonly Expression[] {
	const bytes = new Uint8Array(16);
	bytes.set(encodeUtf8(name).subarray(0, 15));
	return [
		{ kind: "meta", key: "iifname" },
		{ kind: "compare", operator, bytes },
	];
}

/** `ether saddr MAC`, in a table of family bridge. */
export function matchSourceMac(mac: Uint8Array): readonly Expression[] {
	return [
		{ kind: "payload", base: "link", offset: 6, length: 6 },
		{ kind: "compare", operator: "==", bytes: mac },
	];
}

/** `fib daddr type local`: RTN_LOCAL is 2, in the machine's byte order. */
export const matchLocalDestination: readonly Expression[] = [
	{ kind: "fib", key: "daddr type" },
	{ kind: "compare", operator: "==", bytes: new Uint8Array([2, 0, 0, 0]) },
];

/** `ct status dnat`: of a connection whose destination was translated. IPS_DST_NAT is bit 5. */
export const matchDestinationNat: readonly Expression[] = [
	{ kind: "ct", key: "status" },
	{ kind: "mask", mask: new Uint8Array([0x20, 0, 0, 0]) },
	{ kind: "compare", operator: "!=", bytes: new Uint8Array(4) },
];

/** `ct state established,related` */
export const matchAnswer: readonly Expression[] = [
	{ kind: "ct", key: "state" },
	{ kind: "mask", mask: new Uint8Array([2 | 4, 0, 0, 0]) },
	{ kind: "compare", operator: "!=", bytes: new Uint8Array(4) },
];

/** One field of a concatenation. */
export interface LoadedField {
	/** Bytes. */
	readonly length: number;
	/** Loads it so many bytes behind the start of the concatenation. */
	load(at: number): readonly Expression[];
}

/** `ip daddr`, or with a length shorter than an address `ip saddr & MASK`; that only as the first field. */
export function loadAddress(
	family: Family,
	field: "saddr" | "daddr",
	{ length = bitsOf(family) }: { length?: number } = {},
): LoadedField {
	const bytes = bitsOf(family) / 8;
	return {
		length: bytes,
		load: (at) => [
			{ kind: "payload", base: "network", offset: offsets[family][field], length: bytes, ...placed(at) },
			...(length === bitsOf(family) ? [] : [{ kind: "mask", mask: maskOf(family, length) } as const]),
		],
	};
}

/** `meta l4proto` */
export const loadProtocol: LoadedField = {
	length: 1,
	load: (at) => [{ kind: "meta", key: "l4proto", ...placed(at) }],
};

/** `th dport` */
export const loadPort: LoadedField = {
	length: 2,
	load: (at) => [{ kind: "payload", base: "transport", offset: 2, length: 2, ...placed(at) }],
};

/** `iifname`, `oifname` */
export function loadInterface(direction: "iifname" | "oifname"): LoadedField {
	return { length: 16, load: (at) => [{ kind: "meta", key: direction, ...placed(at) }] };
}

/** `FIELD . FIELD @SET` */
export function matchSet(fields: readonly LoadedField[], set: string): readonly Expression[] {
	return [...concatenated(fields), { kind: "lookup", set, result: "none" }];
}

/** `FIELD . FIELD . FIELD`: loads them one behind the other, for a lookup in a set. */
export function concatenated(fields: readonly LoadedField[]): readonly Expression[] {
	let at = 0;
	return fields.flatMap(({ length, load }) => {
		const expressions = load(at);
		at += (length + 3) & ~3;
		return expressions;
	});
}

function placed(at: number): { readonly at?: number } {
	return at === 0 ? {} : { at };
}

function maskOf(family: Family, length: number): Uint8Array {
	const bits = bitsOf(family);
	const ones = ((1n << BigInt(length)) - 1n) << BigInt(bits - length);
	return addressToBytes({ family, value: ones });
}

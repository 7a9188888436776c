import { addressToBytes, bitsOf, type Family, type IpPrefix, networkOf } from "../../ip/address.ts";
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
export function matchInputInterface(name: string): readonly Expression[] {
	const bytes = new Uint8Array(16);
	bytes.set(new TextEncoder().encode(name).subarray(0, 15));
	return [
		{ kind: "meta", key: "iifname" },
		{ kind: "compare", operator: "==", bytes },
	];
}

/** `ether saddr MAC`, in a table of family bridge. */
export function matchSourceMac(mac: Uint8Array): readonly Expression[] {
	return [
		{ kind: "payload", base: "link", offset: 6, length: 6 },
		{ kind: "compare", operator: "==", bytes: mac },
	];
}

function maskOf(family: Family, length: number): Uint8Array {
	const bits = bitsOf(family);
	const ones = ((1n << BigInt(length)) - 1n) << BigInt(bits - length);
	return addressToBytes({ family, value: ones });
}

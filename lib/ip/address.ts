/**
 * Addresses and prefixes as values. Text is parsed once, where it enters; everything inside works on numbers.
 */

export type Family = 4 | 6;

/** One IPv4 or IPv6 address. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is the IPv4 address. */
export interface IpAddress {
	readonly family: Family;
	/** The address as an unsigned integer of 32 or 128 bits. */
	readonly value: bigint;
}

/** An address with a prefix length; host bits are kept (`10.1.2.3/24`). */
export interface IpPrefix {
	readonly address: IpAddress;
	readonly length: number;
}

/**
 * Parses the textual form of an address, or returns undefined: zones (`%eth0`), octets with leading zeros and
 * white space are refused. RFC 4291 section 2.2, RFC 6943 section 3.1.1.
 */
export function parseAddress(text: string): IpAddress | undefined {
	if (!text.includes(":")) {
		const value = parseIpv4(text);
		return value === undefined ? undefined : { family: 4, value: BigInt(value) };
	}
	const value = parseIpv6(text);
	if (value === undefined) return undefined;
	return value >> 32n === 0xffffn ? { family: 4, value: value & 0xffff_ffffn } : { family: 6, value };
}

/**
 * Parses `address/length`, or returns undefined. An IPv4-mapped IPv6 prefix of length 96 or more is the IPv4
 * prefix that it embeds.
 */
export function parsePrefix(text: string): IpPrefix | undefined {
	const slash = text.indexOf("/");
	if (slash < 0) return undefined;
	const ownLength = parseDecimal(text.slice(slash + 1));
	if (ownLength === undefined) return undefined;
	const addressText = text.slice(0, slash);
	const address = parseAddress(addressText);
	if (address === undefined) return undefined;
	const mapped = address.family === 4 && addressText.includes(":");
	const length = ownLength - (mapped ? 96 : 0);
	return length >= 0 && length <= bitsOf(address.family) ? { address, length } : undefined;
}

/** The canonical text: dotted quad, or RFC 5952 for IPv6. */
export function formatAddress({ family, value }: IpAddress): string {
	return family === 4 ? formatIpv4(Number(value)) : formatIpv6(value);
}

/** The canonical text `address/length`. */
export function formatPrefix({ address, length }: IpPrefix): string {
	return `${formatAddress(address)}/${length}`;
}

/** 32 or 128. */
export function bitsOf(family: Family): number {
	return family === 4 ? 32 : 128;
}

/** The address in network byte order: 4 or 16 bytes. */
export function addressToBytes({ family, value }: IpAddress): Uint8Array {
	const bytes = new Uint8Array(family === 4 ? 4 : 16);
	if (family === 4) {
		new DataView(bytes.buffer).setUint32(0, Number(value));
	} else {
		const view = new DataView(bytes.buffer);
		view.setBigUint64(0, value >> 64n);
		view.setBigUint64(8, BigInt.asUintN(64, value));
	}
	return bytes;
}

/** The inverse of {@link addressToBytes}; 4 bytes are IPv4, 16 are IPv6 (not unmapped: this is what the kernel holds). */
export function addressFromBytes(bytes: Uint8Array): IpAddress {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (bytes.byteLength === 4) return { family: 4, value: BigInt(view.getUint32(0)) };
	return { family: 6, value: (view.getBigUint64(0) << 64n) | view.getBigUint64(8) };
}

/** The first address of the prefix, with the prefix's length: `10.1.2.3/24` gives `10.1.2.0/24`. */
export function networkOf({ address, length }: IpPrefix): IpPrefix {
	const hostBits = BigInt(bitsOf(address.family) - length);
	return { address: { family: address.family, value: (address.value >> hostBits) << hostBits }, length };
}

/** The last address of the prefix: the broadcast address in IPv4. */
export function lastAddressOf({ address, length }: IpPrefix): IpAddress {
	const hostBits = BigInt(bitsOf(address.family) - length);
	return { family: address.family, value: address.value | ((1n << hostBits) - 1n) };
}

/** Whether the address lies in the prefix; never across families. */
export function prefixContains(prefix: IpPrefix, address: IpAddress): boolean {
	if (prefix.address.family !== address.family) return false;
	const hostBits = BigInt(bitsOf(address.family) - prefix.length);
	return prefix.address.value >> hostBits === address.value >> hostBits;
}

/** Whether either prefix contains the other's first address. */
export function prefixesOverlap(a: IpPrefix, b: IpPrefix): boolean {
	return prefixContains(a, b.address) || prefixContains(b, a.address);
}

export function sameAddress(a: IpAddress | undefined, b: IpAddress | undefined): boolean {
	return a?.family === b?.family && a?.value === b?.value;
}

export function samePrefix(a: IpPrefix, b: IpPrefix): boolean {
	return a.length === b.length && sameAddress(a.address, b.address);
}

/** The address `step` further on (negative steps go back), or undefined past either end of the family. */
export function addressPlus({ family, value }: IpAddress, step: bigint): IpAddress | undefined {
	const moved = value + step;
	return moved < 0n || moved >> BigInt(bitsOf(family)) !== 0n ? undefined : { family, value: moved };
}

/** Negative, zero or positive, as `a` sorts before, with or after `b`; IPv4 sorts before IPv6. */
export function compareAddresses(a: IpAddress, b: IpAddress): number {
	if (a.family !== b.family) return a.family - b.family;
	return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

/** 127.0.0.0/8 or ::1. */
export function isLoopback({ family, value }: IpAddress): boolean {
	return family === 4 ? value >> 24n === 127n : value === 1n;
}

/** fe80::/10; IPv4 has none that the kernel would make by itself. */
export function isLinkLocal({ family, value }: IpAddress): boolean {
	return family === 6 && value >> 118n === 0x3fan;
}

/** `0.0.0.0/0` or `::/0`. */
export function isDefaultPrefix({ address, length }: IpPrefix): boolean {
	return length === 0 && address.value === 0n;
}

/** `0.0.0.0/0` or `::/0`. */
export function defaultPrefix(family: Family): IpPrefix {
	return { address: { family, value: 0n }, length: 0 };
}

/** A prefix of one address: /32 or /128. */
export function hostPrefix(address: IpAddress): IpPrefix {
	return { address, length: bitsOf(address.family) };
}

function parseIpv4(text: string): number | undefined {
	let value = 0;
	const octets = text.split(".");
	if (octets.length !== 4) return undefined;
	for (const octet of octets) {
		const number = parseDecimal(octet);
		if (number === undefined || number > 255) return undefined;
		value = value * 256 + number;
	}
	return value;
}

/** Digits without leading zeros, three at most. */
function parseDecimal(text: string): number | undefined {
	if (text === "" || text.length > 3 || (text.length > 1 && text.startsWith("0"))) return undefined;
	let value = 0;
	for (let i = 0; i < text.length; i++) {
		const digit = text.charCodeAt(i) - 0x30;
		if (digit < 0 || digit > 9) return undefined;
		value = value * 10 + digit;
	}
	return value;
}

function parseIpv6(text: string): bigint | undefined {
	const halves = text.split("::");
	if (halves.length > 2) return undefined;
	const head = parseGroups(halves[0] ?? "", halves.length === 1);
	const tail = halves.length === 2 ? parseGroups(halves[1] ?? "", true) : [];
	if (head === undefined || tail === undefined) return undefined;
	const missing = 8 - head.length - tail.length;
	if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
	let value = 0n;
	for (const group of [...head, ...new Array<number>(missing).fill(0), ...tail]) value = (value << 16n) | BigInt(group);
	return value;
}

/** Colon-separated groups of one half; a dotted quad may close the address. */
function parseGroups(text: string, closesAddress: boolean): number[] | undefined {
	if (text === "") return [];
	const parts = text.split(":");
	const groups: number[] = [];
	for (const [index, part] of parts.entries()) {
		if (part.includes(".")) {
			const quad = closesAddress && index === parts.length - 1 ? parseIpv4(part) : undefined;
			if (quad === undefined) return undefined;
			groups.push(quad >>> 16, quad & 0xffff);
		} else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
			groups.push(Number.parseInt(part, 16));
		} else {
			return undefined;
		}
	}
	return groups.length <= 8 ? groups : undefined;
}

function formatIpv4(value: number): string {
	return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

function formatIpv6(value: bigint): string {
	const groups: string[] = [];
	for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(((value >> shift) & 0xffffn).toString(16));
	const { start, length } = longestZeroRun(groups);
	if (length < 2) return groups.join(":");
	return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}

/** The longest run of zero groups, the leftmost of equals: RFC 5952 section 4.2.3. */
function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
	let best = { start: 0, length: 0 };
	for (let start = 0; start < groups.length; start++) {
		let length = 0;
		while (groups[start + length] === "0") length++;
		if (length > best.length) best = { start, length };
		start += length;
	}
	return best;
}

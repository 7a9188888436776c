import { addressFromBytes, defaultPrefix, type IpAddress, type IpPrefix, networkOf } from "../ip/address.ts";
import { decodeUtf8 } from "../linux/utf8.ts";
import type { DhcpMessage } from "./message.ts";
import { Option, type Options } from "./options.ts";

/** What a server has given, and until when. Times are milliseconds of the clock that the client is told. */
export interface Lease {
	readonly address: IpPrefix;
	/** Routers of option 3; the first is the gateway. */
	readonly gateway: IpAddress | undefined;
	readonly routes: readonly LeaseRoute[];
	readonly nameservers: readonly IpAddress[];
	readonly domain: string;
	readonly search: readonly string[];
	/** Who has given it; option 54. */
	readonly server: IpAddress;
	/** The hardware address that its answer came from: its own, or that of the router before it. */
	readonly via: Uint8Array;
	readonly times: LeaseTimes;
}

export interface LeaseRoute {
	readonly destination: IpPrefix;
	/** 0.0.0.0 for a network on the link itself. */
	readonly gateway: IpAddress;
}

export interface LeaseTimes {
	/** T1: the server is asked to prolong the lease. */
	readonly renewAt: number;
	/** T2: any server is. */
	readonly rebindAt: number;
	/** The address must not be used any more. */
	readonly expiresAt: number;
}

/** Without option 51. */
const defaultSeconds = 60 * 60;
/** Of a lease of fewer seconds, renewing would be all that a client does. */
const shortestSeconds = 4;
const infinite = 0xffff_ffff;

/** The lease that an acknowledgement gives; undefined without a subnet mask. */
export function leaseOf(
	{ yourAddress, options }: DhcpMessage,
	{ server, via, from }: { server: IpAddress; via: Uint8Array; from: number },
): Lease | undefined {
	const length = maskLength(options.get(Option.subnetMask));
	if (length === undefined) return undefined;
	const [gateway] = addresses(options.get(Option.routers));
	return {
		address: { address: yourAddress, length },
		gateway,
		routes: routesOf(options, gateway),
		nameservers: addresses(options.get(Option.domainNameServers)),
		domain: textOf(options.get(Option.domainName)),
		search: domainNames(options.get(Option.domainSearch)),
		server,
		via,
		times: timesOf(options, from),
	};
}

/** Counted from when the client has asked, as it cannot know when the server has answered. */
export function timesOf(options: Options, from: number): LeaseTimes {
	const granted = seconds(options.get(Option.leaseTime)) ?? defaultSeconds;
	if (granted === infinite) {
		const never = Number.POSITIVE_INFINITY;
		return { renewAt: never, rebindAt: never, expiresAt: never };
	}
	const lease = Math.max(granted, shortestSeconds);
	let renew = seconds(options.get(Option.renewalTime)) ?? lease / 2;
	let rebind = seconds(options.get(Option.rebindingTime)) ?? lease * 0.85;
	if (!(renew > 0 && renew < rebind && rebind < lease)) [renew, rebind] = [lease / 2, lease * 0.85];
	return { renewAt: from + renew * 1000, rebindAt: from + rebind * 1000, expiresAt: from + lease * 1000 };
}

/** The address that an option of one address has. */
export function addressOf(value: Uint8Array | undefined): IpAddress | undefined {
	return value?.byteLength === 4 ? addressFromBytes(value) : undefined;
}

function maskLength(value: Uint8Array | undefined): number | undefined {
	const mask = addressOf(value);
	if (mask === undefined) return undefined;
	const inverted = ~mask.value & 0xffff_ffffn;
	// All ones are on the left.
	return (inverted & (inverted + 1n)) === 0n ? 32 - inverted.toString(2).replace(/^0$/, "").length : undefined;
}

function addresses(value: Uint8Array = new Uint8Array(0)): readonly IpAddress[] {
	const found: IpAddress[] = [];
	for (let offset = 0; offset + 4 <= value.byteLength; offset += 4) {
		found.push(addressFromBytes(value.subarray(offset, offset + 4)));
	}
	return found;
}

/** Of a server that says it twice, what it says first. */
function seconds(value: Uint8Array | undefined): number | undefined {
	const number = addressOf(value?.subarray(0, 4));
	return number === undefined ? undefined : Number(number.value);
}

/** A server that sends classless routes means these alone; RFC 3442. */
function routesOf(options: Options, gateway: IpAddress | undefined): readonly LeaseRoute[] {
	const classless = classlessRoutes(options.get(Option.classlessStaticRoutes));
	if (classless.length > 0) return classless;
	const routes = staticRoutes(options.get(Option.staticRoutes));
	return gateway === undefined ? routes : [...routes, { destination: defaultPrefix(4), gateway }];
}

/** Each a prefix length, as many bytes of the destination as that needs, and a router; nothing where one of them is none. */
function classlessRoutes(value: Uint8Array = new Uint8Array(0)): readonly LeaseRoute[] {
	const routes: LeaseRoute[] = [];
	for (let offset = 0; offset < value.byteLength; ) {
		const length = value[offset++] ?? 0;
		const significant = Math.ceil(length / 8);
		if (length > 32 || offset + significant + 4 > value.byteLength) return [];
		const bytes = new Uint8Array(4);
		bytes.set(value.subarray(offset, offset + significant));
		offset += significant;
		const gateway = addressFromBytes(value.subarray(offset, offset + 4));
		offset += 4;
		routes.push({ destination: networkOf({ address: addressFromBytes(bytes), length }), gateway });
	}
	return routes;
}

/** Pairs of destination and router; how large the destination's network is, its class says. */
function staticRoutes(value: Uint8Array | undefined): readonly LeaseRoute[] {
	const list = addresses(value);
	return list.flatMap((destination, index) => {
		const gateway = list[index + 1];
		if (index % 2 === 1 || gateway === undefined) return [];
		return [{ destination: networkOf({ address: destination, length: classLength(destination) }), gateway }];
	});
}

function classLength({ value }: IpAddress): number {
	const first = Number(value >> 24n);
	return first < 128 ? 8 : first < 192 ? 16 : 24;
}

/** Some servers close text with NUL. */
function textOf(value: Uint8Array = new Uint8Array(0)): string {
	return cleanName(decodeUtf8(value).replace(/\0+$/, ""));
}

/** What ends up in a resolv.conf has neither blanks nor control characters; anything else is as if it were not there. */
function cleanName(text: string): string {
	return /^[A-Za-z0-9_.-]*$/.test(text) ? text : "";
}

/** Names as RFC 1035 section 4.1.4 writes and shortens them; those before the first that is none. */
function domainNames(value: Uint8Array = new Uint8Array(0)): readonly string[] {
	const names: string[] = [];
	for (let offset = 0; offset < value.byteLength; ) {
		const name = domainNameAt(value, offset);
		if (name === undefined || name.text === "") return names;
		names.push(name.text);
		offset = name.end;
	}
	return names;
}

function domainNameAt(value: Uint8Array, start: number): { text: string; end: number } | undefined {
	const labels: string[] = [];
	let end: number | undefined;
	for (let offset = start, jumps = 0; ; ) {
		const length = value[offset++];
		if (length === undefined) return undefined;
		if (length === 0) return { text: cleanName(labels.join(".")), end: end ?? offset };
		if (length >= 0xc0) {
			const low = value[offset++];
			// Only back, and not for ever.
			if (low === undefined || ++jumps > 16) return undefined;
			end ??= offset;
			offset = ((length & 0x3f) << 8) | low;
			continue;
		}
		if (length > 63 || offset + length > value.byteLength) return undefined;
		labels.push(decodeUtf8(value.subarray(offset, offset + length)));
		offset += length;
	}
}

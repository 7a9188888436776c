import type { Result, ResultRoute } from "../../../lib/cni/result.ts";
import { GobError, type GobObject, type GobSlice, type GobStruct, type GobValue } from "../../../lib/gob/types.ts";
import { addressFromBytes, addressToBytes, bitsOf, type IpAddress, type IpPrefix } from "../../../lib/ip/address.ts";

/*
 * What plugin and daemon say to each other: calls of Go's net/rpc, over HTTP's CONNECT, as the reference's do, so that either
 * of ours works with the other one of theirs. Go tells fields by their names.
 */

/** What a client says first, and what it is answered. */
export const greeting = "CONNECT /_goRPC_ HTTP/1.0\n\n";
export const welcome = "HTTP/1.0 200 Connected to Go RPC\n\n";

/** The calls. The reference knows the first two. */
export const methods = ["DHCP.Allocate", "DHCP.Release", "DHCP.Check", "DHCP.Collect", "DHCP.Status"] as const;
export type Method = (typeof methods)[number];

export const requestHeader: GobStruct = {
	kind: "struct",
	name: "Request",
	fields: { ServiceMethod: "string", Seq: "uint" },
};

export const responseHeader: GobStruct = {
	kind: "struct",
	name: "Response",
	fields: { ServiceMethod: "string", Seq: "uint", Error: "string" },
};

/** The answer that says nothing. */
export const nothing: GobStruct = { kind: "struct", name: "", fields: {} };

/** The argument of every call: what the runtime has told the plugin. */
export const callArguments: GobStruct = {
	kind: "struct",
	name: "CmdArgs",
	fields: {
		ContainerID: "string",
		Netns: "string",
		IfName: "string",
		Args: "string",
		Path: "string",
		NetnsOverride: "string",
		StdinData: "bytes",
	},
};

const list = (name: string, of: GobSlice["of"]): GobSlice => ({ kind: "slice", name, of });
const strings = list("[]string", "string");
const network: GobStruct = { kind: "struct", name: "IPNet", fields: { IP: "bytes", Mask: "bytes" } };

/** The answer to Allocate and Check. */
export const resultType: GobStruct = {
	kind: "struct",
	name: "Result",
	fields: {
		CNIVersion: "string",
		Interfaces: list("[]*types100.Interface", {
			kind: "struct",
			name: "Interface",
			fields: {
				Name: "string",
				Mac: "string",
				Mtu: "int",
				Sandbox: "string",
				SocketPath: "string",
				PciID: "string",
			},
		}),
		IPs: list("[]*types100.IPConfig", {
			kind: "struct",
			name: "IPConfig",
			fields: { Interface: "int", Address: network, Gateway: "bytes" },
		}),
		Routes: list("[]*types.Route", {
			kind: "struct",
			name: "Route",
			fields: {
				Dst: network,
				GW: "bytes",
				MTU: "int",
				AdvMSS: "int",
				Priority: "int",
				Table: "int",
				Scope: "int",
			},
		}),
		DNS: {
			kind: "struct",
			name: "DNS",
			fields: { Nameservers: strings, Domain: "string", Search: strings, Options: strings },
		},
	},
};

/** A result without interfaces, as IPAM plugins have it. */
export function encodeResult({ ips, routes, dns }: Result): GobObject {
	return {
		IPs: ips.map(({ address, gateway }) => ({
			Address: encodePrefix(address),
			...(gateway === undefined ? {} : { Gateway: addressToBytes(gateway) }),
		})),
		Routes: routes.map(({ dst, gw, mtu, advmss, priority, table, scope }) => ({
			Dst: encodePrefix(dst),
			...(gw === undefined ? {} : { GW: addressToBytes(gw) }),
			MTU: mtu,
			AdvMSS: advmss,
			Priority: priority,
			Table: table,
			Scope: scope,
		})),
		DNS: {
			Nameservers: dns.nameservers ?? [],
			Domain: dns.domain,
			Search: dns.search ?? [],
			Options: dns.options ?? [],
		},
	};
}

/** The inverse. @throws GobError for an address that is none */
export function decodeResult(value: GobObject): Result {
	const dns = objectOf(value.DNS);
	const domain = textOf(dns, "Domain");
	const texts = (key: string) => listOf(dns[key]).map(String);
	return {
		interfaces: [],
		ips: listOf(value.IPs)
			.map(objectOf)
			.map((ip) => ({ address: decodePrefix(ip.Address), ...optional("gateway", decodeAddress(ip.Gateway)) })),
		routes: listOf(value.Routes).map(objectOf).map(decodeRoute),
		dns: {
			...(texts("Nameservers").length === 0 ? {} : { nameservers: texts("Nameservers") }),
			...(domain === "" ? {} : { domain }),
			...(texts("Search").length === 0 ? {} : { search: texts("Search") }),
			...(texts("Options").length === 0 ? {} : { options: texts("Options") }),
		},
	};
}

/** A field that is text; empty when it is not there. */
export function textOf(value: GobObject, field: string): string {
	const found = value[field];
	return typeof found === "string" ? found : "";
}

function decodeRoute(route: GobObject): ResultRoute {
	const number = (field: string) => (typeof route[field] === "number" ? route[field] : undefined);
	return {
		dst: decodePrefix(route.Dst),
		...optional("gw", decodeAddress(route.GW)),
		...optional("mtu", number("MTU")),
		...optional("advmss", number("AdvMSS")),
		...optional("priority", number("Priority")),
		...optional("table", number("Table")),
		...optional("scope", number("Scope")),
	};
}

function optional<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
	return (value === undefined ? {} : { [key]: value }) as { [P in K]?: T };
}

function encodePrefix({ address, length }: IpPrefix): GobObject {
	const bits = bitsOf(address.family);
	const ones = (1n << BigInt(length)) - 1n;
	const mask = addressToBytes({ family: address.family, value: ones << BigInt(bits - length) });
	return { IP: addressToBytes(address), Mask: mask };
}

function decodePrefix(value: GobValue | undefined): IpPrefix {
	const { IP, Mask } = objectOf(value);
	const address = decodeAddress(IP);
	if (address === undefined || !(Mask instanceof Uint8Array)) throw new GobError("a network without address");
	const bits = Array.from(Mask, (byte) => byte.toString(2).padStart(8, "0")).join("");
	return { address, length: bits.replace(/0+$/, "").length };
}

/** Go may write an IPv4 address in 16 bytes. */
function decodeAddress(value: GobValue | undefined): IpAddress | undefined {
	if (!(value instanceof Uint8Array)) return undefined;
	if (value.byteLength === 4) return addressFromBytes(value);
	if (value.byteLength !== 16) throw new GobError(`an address of ${value.byteLength} bytes`);
	const address = addressFromBytes(value);
	return address.value >> 32n === 0xffffn ? addressFromBytes(value.subarray(12)) : address;
}

function objectOf(value: GobValue | undefined): GobObject {
	const isObject = typeof value === "object" && !Array.isArray(value) && !(value instanceof Uint8Array);
	return isObject ? (value as GobObject) : {};
}

function listOf(value: GobValue | undefined): readonly GobValue[] {
	return Array.isArray(value) ? value : [];
}

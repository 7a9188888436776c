import { expect } from "@jest/globals";
import { resultFamilyOf, type SpecVersion } from "../../lib/cni/version.ts";
import { parseAddress, parsePrefix } from "../../lib/ip/address.ts";

type Json = Readonly<Record<string, unknown>>;

/** Holds a printed result to the keys, types and omission rules of its version: the specification, and nothing more. */
export function expectResultOf(version: SpecVersion, value: unknown): void {
	const result = value as Json;
	expect(result.cniVersion).toBe(version);
	switch (resultFamilyOf(version)) {
		case "legacy":
			expectKeys(result, ["cniVersion", "ip4", "ip6", "dns"], ["cniVersion", "dns"]);
			expect(result.ip4 ?? result.ip6).toBeDefined();
			for (const key of ["ip4", "ip6"]) if (result[key] !== undefined) expectLegacyIp(result[key] as Json);
			break;
		case "lists":
			expectKeys(result, ["cniVersion", "interfaces", "ips", "routes", "dns"], ["cniVersion", "dns"]);
			for (const entry of listOf(result, "interfaces")) expectKeys(entry, ["name", "mac", "sandbox"], ["name"]);
			for (const ip of listOf(result, "ips")) {
				expectKeys(ip, ["version", "interface", "address", "gateway"], ["version", "address"]);
				expect(ip.version).toBe(String(ip.address).includes(":") ? "6" : "4");
				expectIp(ip, result);
			}
			for (const route of listOf(result, "routes")) expectRoute(route);
			break;
		case "current":
			expectKeys(result, ["cniVersion", "interfaces", "ips", "routes", "dns"], ["cniVersion"]);
			if (result.dns !== undefined) expect(Object.keys(result.dns as Json)).not.toEqual([]);
			for (const entry of listOf(result, "interfaces")) {
				expectKeys(entry, ["name", "mac", "mtu", "sandbox", "socketPath", "pciID"], ["name"]);
			}
			for (const ip of listOf(result, "ips")) {
				expectKeys(ip, ["interface", "address", "gateway"], ["address"]);
				expectIp(ip, result);
			}
			for (const route of listOf(result, "routes")) expectRoute(route);
			break;
	}
}

/** A list that is present is not empty. */
function listOf(result: Json, key: string): readonly Json[] {
	if (!(key in result)) return [];
	expect(result[key]).toEqual(expect.arrayContaining([expect.anything()]));
	return result[key] as readonly Json[];
}

function expectKeys(value: Json, allowed: readonly string[], needed: readonly string[]): void {
	const keys = Object.keys(value);
	expect(keys.filter((key) => !allowed.includes(key))).toEqual([]);
	expect(keys).toEqual(expect.arrayContaining([...needed]));
	expect(Object.values(value).filter((entry) => entry === null || entry === "")).toEqual([]);
}

function expectLegacyIp(ip: Json): void {
	expectKeys(ip, ["ip", "gateway", "routes"], ["ip"]);
	expect(parsePrefix(String(ip.ip))).toBeDefined();
	if (ip.gateway !== undefined) expect(parseAddress(String(ip.gateway))).toBeDefined();
	for (const route of listOf(ip, "routes")) expectKeys(route, ["dst", "gw"], ["dst"]);
}

function expectIp({ interface: index, address, gateway }: Json, { interfaces }: Json): void {
	expect(parsePrefix(String(address))).toBeDefined();
	if (gateway !== undefined) expect(parseAddress(String(gateway))).toBeDefined();
	if (index !== undefined) expect((interfaces as readonly Json[])[Number(index)]).toBeDefined();
}

function expectRoute(route: Json): void {
	expectKeys(route, ["dst", "gw", "mtu", "advmss", "priority", "table", "scope"], ["dst"]);
	expect(parsePrefix(String(route.dst))).toBeDefined();
	if (route.gw !== undefined) expect(parseAddress(String(route.gw))).toBeDefined();
}

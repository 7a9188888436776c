import { type IpAddress, type IpPrefix, parseAddress, parsePrefix } from "../ip/address.ts";
import { CniError, ErrorCode } from "./error.ts";
import { given } from "./given.ts";
import { shownWord } from "./quote-text.ts";
import type { Dns, Result, ResultInterface, ResultIp, ResultRoute } from "./result.ts";
import { emptyResult } from "./result.ts";
import { describeValue } from "./schema.ts";
import { isSpecVersion, resultFamilyOf, type SpecVersion, unsetVersion, versionsOf } from "./version.ts";

/**
 * Reads a result of any version. `null` is an empty result, and a result without `cniVersion` has `assumedVersion`.
 *
 * @throws CniError code 6 for a malformed result, 7 for a version of another family than `family` (if given)
 */
export function decodeResult(
	value: unknown,
	{ assumedVersion, sameFamily = false }: { assumedVersion: string; sameFamily?: boolean },
): Result {
	if (value === null) return emptyResult;
	const body = objectOf(value, "result");
	const own = optional(body.cniVersion, "cniVersion", textOf) ?? "";
	const assumed = assumedVersion === "" ? unsetVersion : assumedVersion;
	const version = own === "" ? assumed : own;
	if (sameFamily && isSpecVersion(assumed)) requireFamily(version, assumed);
	if (!isSpecVersion(version)) {
		throw new CniError(ErrorCode.internal, `unsupported CNI result version "${version}"`);
	}
	return resultFamilyOf(version) === "legacy" ? decodeLegacy(body) : decodeLists(body);
}

function requireFamily(version: string, expected: SpecVersion): void {
	const accepted = versionsOf(resultFamilyOf(expected));
	if ((accepted as readonly string[]).includes(version)) return;
	throw new CniError(
		ErrorCode.invalidNetworkConfig,
		`result type supports [${accepted.join(" ")}] but unmarshalled CNIVersion is "${version}"`,
	);
}

/** 0.1.0 and 0.2.0: one address per family, with its routes. */
function decodeLegacy(body: JsonObject): Result {
	const ips: ResultIp[] = [];
	const routes: ResultRoute[] = [];
	for (const key of ["ip4", "ip6"]) {
		const entry = optional(body[key], key, objectOf);
		if (entry === undefined) continue;
		ips.push({
			address: prefixOf(entry.ip, `${key}.ip`),
			...given("gateway", optionalAddress(entry.gateway, `${key}.gateway`)),
		});
		routes.push(...listOf(entry.routes, `${key}.routes`, decodeRoute));
	}
	return { interfaces: [], ips, routes, dns: decodeDns(body.dns) };
}

/** 0.3.0 and later: lists. `ips[].version` of 0.3 and 0.4 is not read: the address tells its family. */
function decodeLists(body: JsonObject): Result {
	return {
		interfaces: listOf(body.interfaces, "interfaces", decodeInterface),
		ips: listOf(body.ips, "ips", decodeIp),
		routes: listOf(body.routes, "routes", decodeRoute),
		dns: decodeDns(body.dns),
	};
}

function decodeInterface(value: unknown, path: string): ResultInterface {
	const entry = objectOf(value, path);
	return {
		name: optional(entry.name, `${path}.name`, textOf) ?? "",
		...given("mac", nonEmpty(optional(entry.mac, `${path}.mac`, textOf))),
		...given("mtu", optional(entry.mtu, `${path}.mtu`, numberOf)),
		...given("sandbox", nonEmpty(optional(entry.sandbox, `${path}.sandbox`, textOf))),
		...given("socketPath", nonEmpty(optional(entry.socketPath, `${path}.socketPath`, textOf))),
		...given("pciID", nonEmpty(optional(entry.pciID, `${path}.pciID`, textOf))),
	};
}

function decodeIp(value: unknown, path: string): ResultIp {
	const entry = objectOf(value, path);
	return {
		...given("interface", optional(entry.interface, `${path}.interface`, numberOf)),
		address: prefixOf(entry.address, `${path}.address`),
		...given("gateway", optionalAddress(entry.gateway, `${path}.gateway`)),
	};
}

/** One route as results and IPAM configurations write it. @throws CniError code 6, naming the key below `path` */
export function decodeRoute(value: unknown, path: string): ResultRoute {
	const entry = objectOf(value, path);
	return {
		dst: prefixOf(entry.dst, `${path}.dst`),
		...given("gw", optionalAddress(entry.gw, `${path}.gw`)),
		...given("mtu", optional(entry.mtu, `${path}.mtu`, numberOf)),
		...given("advmss", optional(entry.advmss, `${path}.advmss`, numberOf)),
		...given("priority", optional(entry.priority, `${path}.priority`, numberOf)),
		...given("table", optional(entry.table, `${path}.table`, numberOf)),
		...given("scope", optional(entry.scope, `${path}.scope`, numberOf)),
	};
}

function decodeDns(value: unknown): Dns {
	const entry = optional(value, "dns", objectOf);
	if (entry === undefined) return {};
	return {
		...given("nameservers", optional(entry.nameservers, "dns.nameservers", textsOf)),
		...given("domain", nonEmpty(optional(entry.domain, "dns.domain", textOf))),
		...given("search", optional(entry.search, "dns.search", textsOf)),
		...given("options", optional(entry.options, "dns.options", textsOf)),
	};
}

type JsonObject = Readonly<Record<string, unknown>>;

function optional<T>(value: unknown, path: string, decode: (value: unknown, path: string) => T): T | undefined {
	return value === undefined || value === null ? undefined : decode(value, path);
}

function nonEmpty(text: string | undefined): string | undefined {
	return text === "" ? undefined : text;
}

function listOf<T>(value: unknown, path: string, decode: (value: unknown, path: string) => T): readonly T[] {
	if (value === undefined || value === null) return [];
	if (!Array.isArray(value)) throw wrongType(value, path, "a list");
	return value.map((item, index) => decode(item, `${path}[${index}]`));
}

function objectOf(value: unknown, path: string): JsonObject {
	if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrongType(value, path, "an object");
	return value as JsonObject;
}

function textOf(value: unknown, path: string): string {
	if (typeof value !== "string") throw wrongType(value, path, "a string");
	if (value.includes("\0")) throw wrongType(value, path, "a string without NUL");
	return value;
}

function numberOf(value: unknown, path: string): number {
	if (!Number.isSafeInteger(value)) throw wrongType(value, path, "an integer");
	return value as number;
}

function textsOf(value: unknown, path: string): readonly string[] {
	return listOf(value, path, textOf);
}

function prefixOf(value: unknown, path: string): IpPrefix {
	if (value === undefined || value === null) {
		throw new CniError(ErrorCode.decodingFailure, `"${path}" is missing`, { details: "It takes ADDRESS/LENGTH" });
	}
	const text = textOf(value, path);
	const prefix = parsePrefix(text);
	if (prefix === undefined) throw new CniError(ErrorCode.decodingFailure, `invalid CIDR address: ${shownWord(text)}`);
	return prefix;
}

function optionalAddress(value: unknown, path: string): IpAddress | undefined {
	const text = nonEmpty(optional(value, path, textOf));
	if (text === undefined) return undefined;
	const address = parseAddress(text);
	if (address === undefined) throw new CniError(ErrorCode.decodingFailure, `invalid IP address: ${shownWord(text)}`);
	return address;
}

function wrongType(value: unknown, path: string, wanted: string): CniError {
	return new CniError(ErrorCode.decodingFailure, `"${path}" must be ${wanted}, not ${describeValue(value)}`);
}

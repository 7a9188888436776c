import { formatAddress, formatPrefix } from "../ip/address.ts";
import { CniError, ErrorCode } from "./error.ts";
import type { Dns, Result, ResultInterface, ResultIp, ResultRoute } from "./result.ts";
import { isEmptyDns } from "./result.ts";
import { resultFamilyOf, type SpecVersion } from "./version.ts";

type Json = Record<string, unknown>;

/**
 * A result as JSON of the given version. From 1.0.0 on the keys come in the reference's order, which is the alphabet's;
 * before, the members of the lists keep that order too.
 *
 * @throws CniError when the version cannot carry it: 0.1.0 and 0.2.0 need an address
 */
export function encodeResult(result: Result, version: SpecVersion): Json {
	switch (resultFamilyOf(version)) {
		case "current":
			return {
				cniVersion: version,
				...(isEmptyDns(result.dns) ? {} : { dns: encodeDns(result.dns) }),
				...unlessEmpty("interfaces", result.interfaces.map(encodeInterface)),
				...unlessEmpty("ips", result.ips.map(encodeIp)),
				...unlessEmpty("routes", result.routes.map(encodeRoute)),
			};
		case "lists":
			return {
				cniVersion: version,
				...unlessEmpty("interfaces", result.interfaces.map(encodePlainInterface)),
				...unlessEmpty(
					"ips",
					result.ips.map((ip) => ({ version: String(ip.address.address.family), ...encodeIp(ip) })),
				),
				...unlessEmpty("routes", result.routes.map(encodeRoute)),
				dns: encodeDns(result.dns),
			};
		case "legacy":
			return encodeLegacy(result, version);
	}
}

/** JSON as plugins print it: 4 spaces, no newline at the end. */
export function formatJson(value: unknown): string {
	return JSON.stringify(value, null, 4);
}

/** @throws CniError when the version cannot carry the result: 0.1.0 and 0.2.0 need an address */
export function requireEncodable({ ips }: Result, version: SpecVersion): void {
	if (ips.length > 0 || resultFamilyOf(version) !== "legacy") return;
	throw new CniError(ErrorCode.internal, "cannot convert: no valid IP addresses", {
		details: `A result of cniVersion ${version} needs an address. Give the network an "ipam" section, or "cniVersion" 0.3.0 or later`,
	});
}

/** The first address of each family, each with the routes of its family. */
function encodeLegacy(result: Result, version: SpecVersion): Json {
	requireEncodable(result, version);
	const { ips, routes, dns } = result;
	const encoded: Json = { cniVersion: version };
	for (const family of [4, 6] as const) {
		const ip = ips.find(({ address }) => address.address.family === family);
		if (ip === undefined) continue;
		const own = routes.filter(({ dst }) => dst.address.family === family);
		encoded[`ip${family}`] = {
			ip: formatPrefix(ip.address),
			...(ip.gateway === undefined ? {} : { gateway: formatAddress(ip.gateway) }),
			...unlessEmpty(
				"routes",
				own.map(({ dst, gw }) => ({ dst: formatPrefix(dst), ...(gw === undefined ? {} : { gw: formatAddress(gw) }) })),
			),
		};
	}
	encoded.dns = encodeDns(dns);
	return encoded;
}

function encodeInterface(entry: ResultInterface): Json {
	const { name, mac, mtu, sandbox, socketPath, pciID } = entry;
	return {
		...(mac ? { mac } : {}),
		...(mtu ? { mtu } : {}),
		name,
		...(pciID ? { pciID } : {}),
		...(sandbox ? { sandbox } : {}),
		...(socketPath ? { socketPath } : {}),
	};
}

function encodePlainInterface({ name, mac, sandbox }: ResultInterface): Json {
	return { name, ...(mac ? { mac } : {}), ...(sandbox ? { sandbox } : {}) };
}

function encodeIp({ interface: index, address, gateway }: ResultIp): Json {
	return {
		address: formatPrefix(address),
		...(gateway === undefined ? {} : { gateway: formatAddress(gateway) }),
		...(index === undefined ? {} : { interface: index }),
	};
}

function encodeRoute({ dst, gw, mtu, advmss, priority, table, scope }: ResultRoute): Json {
	return {
		...(advmss ? { advmss } : {}),
		dst: formatPrefix(dst),
		...(gw === undefined ? {} : { gw: formatAddress(gw) }),
		...(mtu ? { mtu } : {}),
		...(priority ? { priority } : {}),
		...(scope === undefined ? {} : { scope }),
		...(table === undefined ? {} : { table }),
	};
}

function encodeDns({ nameservers, domain, search, options }: Dns): Json {
	return {
		...(domain ? { domain } : {}),
		...unlessEmpty("nameservers", nameservers ?? []),
		...unlessEmpty("options", options ?? []),
		...unlessEmpty("search", search ?? []),
	};
}

function unlessEmpty(key: string, items: readonly unknown[]): Json {
	return items.length === 0 ? {} : { [key]: items };
}

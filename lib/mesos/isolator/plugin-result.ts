import { CniError, ErrorCode, messageOf } from "../../cni/error.ts";
import { given } from "../../cni/given.ts";
import { isObject, type JsonObject } from "./network-config.ts";

/**
 * What Mesos understands of a plugin's result: the form of versions 0.1.0 and 0.2.0, whatever `cniVersion` says. All else
 * (`interfaces`, `ips`, `routes`) is passed over, so that a newer result is one without addresses.
 */
export interface PluginResult {
	readonly ip4?: PluginAddress;
	readonly ip6?: PluginAddress;
	readonly dns?: DnsSettings;
}

export interface PluginAddress {
	/** `10.1.2.3/24` */
	readonly ip: string;
}

/** DNS of a network, in the form of the results of plugins and of `--default_container_dns`. */
export interface DnsSettings {
	readonly nameservers: readonly string[];
	readonly domain: string | undefined;
	readonly search: readonly string[];
	readonly options: readonly string[];
}

/**
 * @param plugin its path, for the error
 * @throws CniError code 6 when the output is not one JSON object, or a known key has the wrong type
 */
export function parsePluginResult(stdout: string, plugin: string): PluginResult {
	try {
		const value: unknown = JSON.parse(stdout);
		if (!isObject(value)) throw new Error("it is no JSON object");
		return {
			...given("ip4", optional(value.ip4, "ip4", addressOf)),
			...given("ip6", optional(value.ip6, "ip6", addressOf)),
			...given("dns", optional(value.dns, "dns", dnsOf)),
		};
	} catch (thrown) {
		const message = `Failed to parse the output of the CNI plugin '${plugin}': ${messageOf(thrown)}`;
		throw new CniError(ErrorCode.decodingFailure, message, { cause: thrown });
	}
}

/** @throws Error that names the key */
export function dnsOf(value: unknown, at: string): DnsSettings {
	const { nameservers, domain, search, options } = objectOf(value, at);
	return {
		nameservers: textsOf(nameservers, `${at}.nameservers`),
		domain: optional(domain, `${at}.domain`, textOf),
		search: textsOf(search, `${at}.search`),
		options: textsOf(options, `${at}.options`),
	};
}

function addressOf(value: unknown, at: string): PluginAddress {
	const { ip, routes } = objectOf(value, at);
	for (const route of listOf(routes)) textOf(objectOf(route, `${at}.routes`).dst, `${at}.routes.dst`);
	return { ip: textOf(ip, `${at}.ip`) };
}

function optional<T>(value: unknown, at: string, decode: (value: unknown, at: string) => T): T | undefined {
	return value === undefined || value === null ? undefined : decode(value, at);
}

function objectOf(value: unknown, at: string): JsonObject {
	if (isObject(value)) return value;
	throw new Error(`"${at}" must be an object`);
}

function textOf(value: unknown, at: string): string {
	if (typeof value === "string") return value;
	throw new Error(`"${at}" must be a string`);
}

function textsOf(value: unknown, at: string): readonly string[] {
	return listOf(value).map((item) => textOf(item, at));
}

/** Mesos takes a single value for a list of it. */
function listOf(value: unknown): readonly unknown[] {
	if (value === undefined || value === null) return [];
	return Array.isArray(value) ? value : [value];
}

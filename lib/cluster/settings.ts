import { CniError, ErrorCode } from "../cni/error.ts";
import { type Endpoint, parseEndpoint } from "../etcd/endpoint.ts";
import type { TlsFiles } from "../etcd/tls-identity.ts";
import type { BlockLengths } from "../ipam/etcd-store/block.ts";
import { readText } from "../linux/files.ts";
import { isAgentName } from "./agent-name.ts";
import type { ClusterConfig } from "./config.ts";

/** How long released addresses rest, unless a configuration says another time. */
export const defaultCooldownMs = 60_000;
export const defaultDataDir = "/var/lib/cni/cluster";

/** Where the agent's part of etcd is: all that DEL needs to know what it has to do. */
export interface Place {
	readonly prefix: string;
	readonly agent: string;
	readonly dataDir: string;
	readonly blockLengths: BlockLengths;
	readonly borrow: boolean;
	readonly cooldownMs: number;
	readonly tokenLabel: string;
}

/** @throws CniError code 7 */
export function placeOf({ ipam }: ClusterConfig): Place {
	const prefix = ipam?.prefix ?? "/cni-suite";
	if (!/^\/[A-Za-z0-9._/-]*[A-Za-z0-9._-]$/.test(prefix)) {
		throw invalid("prefix", prefix, 'Begin it with "/" and end it without, such as "/cni-suite"');
	}
	const agent = ipam?.agent || hostname();
	if (!isAgentName(agent)) {
		throw invalid(
			"agent",
			agent,
			"Give each agent a name of its own, of letters, digits, dots, hyphens and underscores",
		);
	}
	return {
		prefix,
		agent,
		dataDir: ipam?.dataDir || defaultDataDir,
		blockLengths: { 4: ipam?.blocks?.ipv4 ?? 26, 6: ipam?.blocks?.ipv6 ?? 122 },
		borrow: ipam?.borrow ?? true,
		cooldownMs: ipam?.cooldown === undefined ? defaultCooldownMs : Math.max(0, ipam.cooldown) * 1000,
		tokenLabel: ipam?.tokenLabel || "cni-token",
	};
}

/** How etcd is reached. */
export interface Connection {
	readonly endpoints: readonly Endpoint[];
	readonly timeoutMs: number;
	readonly login: { readonly user: string; readonly passwordFile: string } | undefined;
}

/** @throws CniError code 7 */
export function connectionOf({ ipam }: ClusterConfig): Connection {
	const texts = ipam?.endpoints ?? [];
	if (texts.length === 0) {
		throw new CniError(ErrorCode.invalidNetworkConfig, 'Cannot reach etcd: "ipam.endpoints" is missing or empty', {
			details: 'List where it listens for clients, such as ["http://10.0.0.1:2379"]',
		});
	}
	const endpoints = texts.map((text, index) => {
		const endpoint = parseEndpoint(text);
		if (endpoint !== undefined) return endpoint;
		// Nobody is told a password that stands in it.
		const shown = text.replace(/\/\/.*@/s, "//…@");
		throw invalid(`endpoints[${index}]`, shown, 'Write "http://HOST:PORT" or "https://HOST:PORT"');
	});
	const { timeout = 5, user, passwordFile } = ipam ?? {};
	if (timeout < 1 || timeout > 300) throw invalid("timeout", timeout, "Give seconds, from 1 to 300");
	return { endpoints, timeoutMs: timeout * 1000, login: loginOf({ user, passwordFile }) };
}

function loginOf({ user = "", passwordFile = "" }: { user: string | undefined; passwordFile: string | undefined }) {
	if (user === "" && passwordFile === "") return undefined;
	if (user !== "" && passwordFile !== "") return { user, passwordFile };
	throw new CniError(ErrorCode.invalidNetworkConfig, 'Cannot log in to etcd: "user" and "passwordFile" go together', {
		details: 'Set both in "ipam", or none',
	});
}

/** @throws CniError code 7 */
export function tlsFilesOf({ ipam }: ClusterConfig): TlsFiles {
	const { caFile, certFile, keyFile, serverName } = ipam ?? {};
	const files = {
		caFile: caFile || undefined,
		certFile: certFile || undefined,
		keyFile: keyFile || undefined,
		serverName: serverName || undefined,
	};
	if ((files.certFile === undefined) === (files.keyFile === undefined)) return files;
	throw new CniError(ErrorCode.invalidNetworkConfig, 'Cannot identify to etcd: "certFile" and "keyFile" go together', {
		details: 'Set both in "ipam", or none',
	});
}

/** @throws CniError code 7 */
export function validateBlocks({ 4: ipv4, 6: ipv6 }: BlockLengths): void {
	// Larger ones could not be looked through in one request, smaller ones cost a transaction for each address.
	if (ipv4 < 22 || ipv4 > 30) throw invalid("blocks.ipv4", ipv4, "Give a prefix length from 22 to 30");
	if (ipv6 < 118 || ipv6 > 126) throw invalid("blocks.ipv6", ipv6, "Give a prefix length from 118 to 126");
}

function hostname(): string {
	return readText("/proc/sys/kernel/hostname").trim();
}

function invalid(key: string, value: string | number, details: string): CniError {
	const text = typeof value === "string" ? JSON.stringify(value) : String(value);
	return new CniError(ErrorCode.invalidNetworkConfig, `Cannot use "ipam.${key}" ${text}`, { details });
}

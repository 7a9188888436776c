import { readFileSync } from "node:fs";
import { extname } from "node:path";
import type { PluginRegistry } from "../../cni/call.ts";
import { CniError, errorText } from "../../cni/error.ts";
import { findPlugin, splitPath } from "../../cni/find-plugin.ts";
import type { PluginConfig } from "../../cni/plugin-config.ts";
import { listConfigFiles } from "../../cni/runtime/list-config-files.ts";
import { loadNetworkFile } from "../../cni/runtime/load-network-file.ts";
import type { NetworkList } from "../../cni/runtime/network-list.ts";
import { errnoOf, errnoText } from "../../linux/errno.ts";
import type { Finding } from "../validate/finding.ts";
import { itemPath, memberPath } from "../validate/json-path.ts";
import { typesWithin } from "../validate/nested-plugins.ts";
import type { ConfigKind } from "../validate/network-findings.ts";
import { validateNetwork } from "../validate/validate-network.ts";

/** One file of a directory of configurations, and the network in it. */
export interface ListedNetwork {
	/** Empty when it cannot be read. */
	readonly name: string;
	readonly kind: ConfigKind;
	readonly cniVersion: string;
	/** Types, in order, those of the folder beside the file included. */
	readonly plugins: readonly string[];
	readonly capabilities: readonly string[];
	readonly file: string;
	/** Whether a runtime can read it; otherwise lookups stop at this file. */
	readonly loads: boolean;
	readonly text: string;
	readonly findings: readonly Finding[];
}

/**
 * The networks of a directory, in the order in which a runtime looks for one: lists first, then single configurations.
 *
 * @param options.paths CNI_PATH
 * @throws CniError when the directory cannot be read
 */
export async function listNetworks(
	directory: string,
	{ plugins, paths }: { plugins: PluginRegistry; paths: string },
): Promise<ListedNetwork[]> {
	const networks: ListedNetwork[] = [];
	for (const file of [
		...listConfigFiles(directory, [".conflist"]),
		...listConfigFiles(directory, [".conf", ".json"]),
	]) {
		const found = await readListed(file, { plugins, paths });
		networks.push({ ...found, findings: [...found.findings, ...orderFindings(found, networks)] });
	}
	return networks;
}

async function readListed(
	file: string,
	{ plugins, paths }: { plugins: PluginRegistry; paths: string },
): Promise<ListedNetwork> {
	const kind = extname(file) === ".conflist" ? "conflist" : "conf";
	const nothing = {
		name: "",
		kind,
		cniVersion: "",
		plugins: [],
		capabilities: [],
		file,
		loads: false,
		text: "",
	} as const;
	let text: string;
	try {
		text = readFileSync(file, "utf8");
	} catch (thrown) {
		const message = `cannot be read: ${errnoText(errnoOf(thrown))}`;
		return { ...nothing, findings: [{ severity: "error", path: "", message }] };
	}
	const validation = await validateNetwork(text, { kind, plugins });
	const folder = kind === "conflist" && validation.network !== undefined ? withFolder(file) : undefined;
	const network = folder?.network ?? validation.network;
	const findings = [...validation.findings, ...(folder?.findings ?? [])];
	if (network === undefined) return { ...nothing, text, findings };
	const placed = (finding: Finding) => ({ ...finding, offset: validation.offsetOf(finding.path) });
	return {
		name: network.name,
		kind,
		cniVersion: network.cniVersion,
		plugins: network.plugins.map(({ type }) => type),
		capabilities: [...new Set(network.plugins.flatMap(enabledCapabilities))],
		file,
		loads: folder === undefined || folder.network !== undefined,
		text,
		findings: [...findings, ...(await missingPlugins(network, { plugins, paths, kind })).map(placed)],
	};
}

/** The network with the plugins of the folder beside its file. */
function withFolder(file: string): { network?: NetworkList; findings: Finding[] } {
	try {
		return { network: loadNetworkFile(file), findings: [] };
	} catch (thrown) {
		if (!(thrown instanceof CniError)) throw thrown;
		return { findings: [{ severity: "error", path: "", message: errorText(thrown) }] };
	}
}

function enabledCapabilities({ capabilities }: PluginConfig): string[] {
	return Object.keys(capabilities).filter((name) => capabilities[name] === true);
}

/** Plugins of the network, and their IPAM plugins, that are in no directory of CNI_PATH. */
async function missingPlugins(
	network: NetworkList,
	{ plugins, paths, kind }: { plugins: PluginRegistry; paths: string; kind: ConfigKind },
): Promise<Finding[]> {
	if (paths === "") {
		const message = "CNI_PATH is not set: nobody looked whether the plugins are there";
		return [{ severity: "note", path: "", message }];
	}
	const directories = splitPath(paths);
	const findings: Finding[] = [];
	for (const [index, { document }] of network.plugins.entries()) {
		const path = kind === "conflist" ? itemPath("plugins", index) : "";
		for (const { path: at, type, ipamType } of await typesWithin(plugins, { path, document })) {
			if (type !== "") findings.push(...missing(type, { directories, path: memberPath(at, "type") }));
			if (ipamType !== "") findings.push(...missing(ipamType, { directories, path: memberPath(at, "ipam.type") }));
		}
	}
	return findings;
}

function missing(type: string, { directories, path }: { directories: readonly string[]; path: string }): Finding[] {
	try {
		findPlugin(type, directories);
		return [];
	} catch (thrown) {
		return [{ severity: "error", path, message: errorText(thrown) }];
	}
}

/** What a file suffers from those that a runtime reads before it. */
function orderFindings({ name }: ListedNetwork, before: readonly ListedNetwork[]): Finding[] {
	const findings: Finding[] = [];
	const broken = before.find((other) => !other.loads);
	if (broken !== undefined) {
		const message = `cannot be found by its name, since lookups stop at the broken file "${broken.file}" before it`;
		findings.push({ severity: "error", path: "", message });
	}
	const same = before.find((other) => other.name === name && name !== "");
	if (same !== undefined) {
		const message = `never used: "${same.file}" has the same name and is found first`;
		findings.push({ severity: "error", path: "name", message });
	}
	return findings;
}

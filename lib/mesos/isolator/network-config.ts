import { readdirSync, readFileSync } from "node:fs";
import { CniError, ErrorCode, messageOf } from "../../cni/error.ts";
import { errnoOf, errnoText } from "../../linux/errno.ts";
import { findExecutable } from "./find-executable.ts";

/** A file that says what one network is: a single plugin. Mesos knows no lists of plugins. */
export interface NetworkConfig {
	readonly path: string;
	readonly name: string;
	readonly type: string;
	/** The whole configuration, as written. */
	readonly document: JsonObject;
}

export type JsonObject = Readonly<Record<string, unknown>>;

export interface ConfigPlace {
	readonly configDirectory: string;
	/** Directories of plugins, joined by colons. */
	readonly pluginPath: string;
	/** Told of every file that is passed over, and why. */
	readonly log: (line: string) => void;
}

/**
 * The networks of a directory by name, read as the agent reads them: every file, whatever it is called, in the order of
 * the file system; of two with the same name the first. A file that is none is passed over.
 *
 * @throws CniError code 5 when the directory cannot be read
 */
export function loadNetworkConfigs({ configDirectory, pluginPath, log }: ConfigPlace): Map<string, NetworkConfig> {
	const networks = new Map<string, NetworkConfig>();
	for (const path of filesOf(configDirectory)) {
		try {
			const config = readNetworkConfig(path);
			const other = networks.get(config.name);
			const problem =
				problemOf(config, pluginPath) ?? (other === undefined ? undefined : `'${other.path}' has the same name`);
			if (problem === undefined) networks.set(config.name, config);
			else log(`Skipping the CNI network configuration file '${path}': ${problem}`);
		} catch (thrown) {
			log(messageOf(thrown));
		}
	}
	return networks;
}

function filesOf(directory: string): readonly string[] {
	try {
		return readdirSync(directory, { withFileTypes: true })
			.filter((entry) => !entry.isDirectory())
			.map(({ name }) => `${directory}/${name}`);
	} catch (thrown) {
		const cause = errnoText(errnoOf(thrown));
		throw new CniError(ErrorCode.ioFailure, `Unable to load CNI config: Cannot read "${directory}": ${cause}`, {
			cause: thrown,
		});
	}
}

/** Reads one file; what it says of plugins is not checked. @throws CniError in the agent's words */
export function readNetworkConfig(path: string): NetworkConfig {
	const document = parseObject(path, readText(path));
	const { name, type } = document;
	if (typeof name !== "string") {
		throw unusable(
			`Cannot determine the 'name' of the CNI network for this configuration ${path}`,
			`The file needs "name" and "type"; a .conflist is not understood by Mesos: put its plugins into a "chain"`,
		);
	}
	if (typeof type !== "string") {
		throw unusable(
			`Cannot determine the 'type' of the CNI network '${name}' for this configuration ${path}`,
			`A .conflist is not understood by Mesos: put its plugins into a "chain"`,
		);
	}
	return { path, name, type, document };
}

function readText(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch (thrown) {
		const cause = errnoText(errnoOf(thrown));
		throw new CniError(ErrorCode.ioFailure, `Failed to read CNI network configuration file: '${path}': ${cause}`, {
			cause: thrown,
		});
	}
}

function parseObject(path: string, text: string): JsonObject {
	try {
		const value: unknown = JSON.parse(text);
		if (isObject(value)) return value;
		throw new Error("it is no object");
	} catch (thrown) {
		throw unusable(`Failed to parse CNI network configuration file: '${path}': ${messageOf(thrown)}`);
	}
}

/** What the agent asks of a file before it believes that there is such a network; undefined when it is content. */
function problemOf({ name, type, document }: NetworkConfig, pluginPath: string): string | undefined {
	// It becomes a directory; the agent would follow it to wherever it leads.
	if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) return `its name is '${name}'`;
	if (findExecutable(type, pluginPath) === undefined) return `unable to find the plugin '${type}' in '${pluginPath}'`;
	const { ipam, dns } = document;
	if (dns !== undefined && dns !== null && !isDns(dns)) return `"dns" has a member of the wrong type`;
	if (ipam === undefined || ipam === null) return undefined;
	if (!isObject(ipam) || typeof ipam.type !== "string") return `"ipam" has no "type"`;
	if (findExecutable(ipam.type, pluginPath) === undefined) {
		return `unable to find the IPAM plugin '${ipam.type}' in '${pluginPath}'`;
	}
	const { routes = [] } = ipam;
	const usable = Array.isArray(routes) && routes.every((route) => isObject(route) && typeof route.dst === "string");
	return usable ? undefined : `a route of "ipam" has no "dst"`;
}

function isDns(dns: unknown): boolean {
	if (!isObject(dns)) return false;
	const texts = ["nameservers", "search", "options"].every((key) => {
		const value = dns[key] ?? [];
		return typeof value === "string" || (Array.isArray(value) && value.every((item) => typeof item === "string"));
	});
	return texts && (dns.domain === undefined || dns.domain === null || typeof dns.domain === "string");
}

export function isObject(value: unknown): value is JsonObject {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unusable(message: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, message, { details });
}

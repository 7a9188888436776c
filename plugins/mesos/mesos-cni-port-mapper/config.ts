import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { CniError } from "../../../lib/cni/error.ts";
import type { NetworkRequest } from "../../../lib/cni/plugin.ts";
import { type PluginConfig, pluginConfigOf } from "../../../lib/cni/plugin-config.ts";
import { any, type Infer, object, plugin, required, string } from "../../../lib/cni/schema.ts";
import type { PortMapping } from "../../../lib/firewall/port-map-backend.ts";
import { choosePortMapBackend, type PortMapBackendName } from "../../../lib/firewall/port-map-choice.ts";
import { mesosKey, mesosSchema, type NetworkInfo, networkInfoOf } from "../../../lib/mesos/network-info.ts";
import { inStep, MapperError } from "./error.ts";

export const mapperType = "mesos-cni-port-mapper";

/** The keys of the port mapper; docs/plugins/mesos-cni-port-mapper.md explains each. */
export const mapperSchema = required(
	object({
		...commonKeys,
		chain: string(""),
		excludeDevices: any(),
		delegate: plugin(),
		backend: string(),
		args: object({ [mesosKey]: mesosSchema }),
		runtimeConfig: object({}),
	}),
);

export type MapperConfig = Infer<typeof mapperSchema>;

/** A configuration as the plugin acts on it: validated. */
export interface MapperSettings {
	/** In which the plugin of Mesos had its rules. */
	readonly chain: string;
	readonly excludedDevices: readonly string[];
	readonly delegate: PluginConfig;
	readonly networkInfo: NetworkInfo;
	readonly mappings: readonly PortMapping[];
	readonly backend: PortMapBackendName;
}

/** In the order, and mostly in the words, of the plugin of Mesos. @throws CniError code 101 */
export function parseSettings({ config }: NetworkRequest<MapperConfig>): MapperSettings {
	const chain = chainOf(config);
	const excludedDevices = excludedDevicesOf(config);
	const networkInfo = inStep({ code: MapperError.config, prefix: "Unable to parse `NetworkInfo`" }, () =>
		networkInfoOf(config.args?.[mesosKey]),
	);
	const backend = inStep({ code: MapperError.config, prefix: `Failed to read the field 'backend'` }, () =>
		choosePortMapBackend({
			backend: config.backend,
			externalSetMarkChain: undefined,
			conditionsV4: [],
			conditionsV6: [],
		}),
	);
	return {
		chain,
		excludedDevices,
		networkInfo,
		mappings: networkInfo.portMappings,
		backend,
		delegate: delegateOf(config),
	};
}

/** Of iptables; longer names it does not take. @throws CniError code 101 */
export function chainOf({ chain }: MapperConfig): string {
	if (chain === "") throw invalid("Failed to get the required field 'chain': Not found");
	if (/^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,27}$/.test(chain)) return chain;
	throw invalid(
		`Failed to read the field 'chain': ${JSON.stringify(chain)} is no name of an iptables chain`,
		"Chains have names of 1 to 28 letters, digits, _, ., : and -",
	);
}

/** @throws CniError code 101 */
function excludedDevicesOf({ excludeDevices = [] }: MapperConfig): readonly string[] {
	const problem = "Failed to parse 'excludeDevices' list. The excluded device needs to be a string";
	if (!Array.isArray(excludeDevices)) throw invalid(problem);
	return excludeDevices.map((name: unknown) => {
		if (typeof name !== "string") throw invalid(problem);
		// Goes into a script for nft or iptables; a + at the end means any rest, as in iptables.
		if (/^[A-Za-z0-9_.@-]{1,15}$|^[A-Za-z0-9_.@-]{1,14}\+$/.test(name)) return name;
		throw invalid(
			`Failed to parse 'excludeDevices' list. ${JSON.stringify(name)} is no name of a device`,
			"Names have at most 15 letters, digits, _, ., @ and -, and may end with + for any rest",
		);
	});
}

/** @throws CniError code 101 */
export function delegateOf({ delegate }: MapperConfig): PluginConfig {
	if (delegate === undefined) throw invalid("Failed to get the required field 'delegate': Not found");
	let config: PluginConfig;
	try {
		config = pluginConfigOf(delegate);
	} catch {
		throw invalid(
			"Failed to get the required field 'delegate{type}': Not found",
			`"delegate" is the configuration of the plugin that makes the interface: {"type": "bridge", …}`,
		);
	}
	if (config.type === mapperType) {
		throw invalid(
			`Failed to use the delegate plugin '${mapperType}': it would delegate to itself`,
			"Name the plugin that makes the interface, such as bridge",
		);
	}
	return config;
}

function invalid(message: string, details = ""): CniError {
	return new CniError(MapperError.config, message, { details });
}

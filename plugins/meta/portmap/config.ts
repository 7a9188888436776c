import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { boolean, type Infer, integer, list, object, required, string } from "../../../lib/cni/schema.ts";
import {
	describePort,
	hostPorts,
	type PortMap,
	type PortMapping,
	portsOverlap,
	protocols,
} from "../../../lib/firewall/port-map-backend.ts";
import { choosePortMapBackend, type PortMapBackendName } from "../../../lib/firewall/port-map-choice.ts";
import { parseAddress } from "../../../lib/ip/address.ts";
import { mesosKey, mesosSchema, networkInfoOf } from "../../../lib/mesos/network-info.ts";
import { validateChainName, validateConditions } from "./conditions.ts";

/** The keys of portmap; docs/plugins/portmap.md explains each. */
export const portmapSchema = required(
	object({
		...commonKeys,
		backend: string(),
		snat: boolean(true),
		masqAll: boolean(false),
		markMasqBit: integer(),
		externalSetMarkChain: string(),
		args: object({ [mesosKey]: mesosSchema }),
		conditionsV4: list(string("")),
		conditionsV6: list(string("")),
		runtimeConfig: object({
			portMappings: list(
				required(object({ hostPort: integer(0), containerPort: integer(0), protocol: string(""), hostIP: string("") })),
			),
		}),
	}),
);

export type PortmapConfig = Infer<typeof portmapSchema>;

type WrittenMapping = NonNullable<NonNullable<PortmapConfig["runtimeConfig"]>["portMappings"]>[number];

/** A configuration as the plugin acts on it: validated, defaults filled in. */
export interface PortmapSettings extends Omit<PortMap, "attachment" | "addresses"> {
	readonly backend: PortMapBackendName;
}

const defaultMarkMasqBit = 13;

/** @throws CniError code 7 */
export function parseSettings(config: PortmapConfig): PortmapSettings {
	const { snat, masqAll, markMasqBit = defaultMarkMasqBit, conditionsV4 = [], conditionsV6 = [] } = config;
	const externalSetMarkChain = config.externalSetMarkChain || undefined;
	if (externalSetMarkChain !== undefined && config.markMasqBit !== undefined) {
		throw invalid("Cannot specify externalSetMarkChain and markMasqBit");
	}
	if (markMasqBit < 0 || markMasqBit > 31) throw invalid("MasqMarkBit must be between 0 and 31");
	const backend = choosePortMapBackend({ backend: config.backend, externalSetMarkChain, conditionsV4, conditionsV6 });
	if (externalSetMarkChain !== undefined) validateChainName(externalSetMarkChain);
	validateConditions({ conditionsV4, conditionsV6 });
	const mappings =
		config.runtimeConfig?.portMappings?.map(parseMapping) ?? networkInfoOf(config.args?.[mesosKey]).portMappings;
	refuseOverlaps(mappings);
	return {
		backend,
		mappings,
		snat,
		masqAll,
		conditions: { 4: conditionsV4, 6: conditionsV6 },
		markMasqBit,
		externalSetMarkChain,
	};
}

/** The mappings of a configuration that DEL can use: an attachment must go even when its configuration was spoilt. */
export function usableMappings(config: PortmapConfig): readonly PortMapping[] {
	const written = config.runtimeConfig?.portMappings;
	if (written === undefined) return usable(() => networkInfoOf(config.args?.[mesosKey]).portMappings);
	return written.flatMap((mapping) => usable(() => [parseMapping(mapping)]));
}

function usable<T>(read: () => readonly T[]): readonly T[] {
	try {
		return read();
	} catch {
		return [];
	}
}

function parseMapping({ hostPort, containerPort, protocol, hostIP }: WrittenMapping): PortMapping {
	if (!isPort(containerPort)) throw invalid(`Invalid container port number: ${containerPort}`, portHelp);
	if (!isPort(hostPort)) throw invalid(`Invalid host port number: ${hostPort}`, portHelp);
	const known = protocols.find((name) => name === protocol.toLowerCase());
	if (known === undefined) {
		throw invalid(`Invalid protocol of host port ${hostPort}: "${protocol}"`, `It is one of ${protocols.join(", ")}`);
	}
	const hostAddress = hostIP === "" ? undefined : parseAddress(hostIP);
	if (hostIP !== "" && hostAddress === undefined) {
		throw invalid(
			`Invalid host address of host port ${hostPort}: "${hostIP}"`,
			"It is an IPv4 or IPv6 address; without one, all addresses of the host are meant",
		);
	}
	return { protocol: known, hostPort, containerPort, hostAddress };
}

const portHelp = "Ports are 1 to 65535";

function isPort(port: number): boolean {
	return port >= 1 && port <= 65535;
}

/** A connection can only go to one place. */
function refuseOverlaps(mappings: readonly PortMapping[]): void {
	const ports = hostPorts(mappings);
	const ofNumber = Map.groupBy(ports, ({ hostPort }) => hostPort);
	for (const same of ofNumber.values()) {
		const twice = same.find((port, index) => same.slice(0, index).some((other) => portsOverlap(port, other)));
		if (twice !== undefined) {
			throw invalid(`Duplicate port mapping: ${describePort(twice)} of the host is mapped twice`);
		}
	}
}

function invalid(message: string, details = ""): CniError {
	return new CniError(ErrorCode.invalidNetworkConfig, `failed to parse config: ${message}`, { details });
}

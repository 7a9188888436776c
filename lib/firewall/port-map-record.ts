import {
	boolean,
	decodeDocument,
	type Infer,
	integer,
	list,
	object,
	required,
	SchemaError,
	string,
} from "../cni/schema.ts";
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "../ip/address.ts";
import type { FirewallRecord } from "../state/firewall-records.ts";
import { type PortMap, type PortMapping, protocols } from "./port-map-backend.ts";
import type { PortMapBackendName } from "./port-map-choice.ts";

const schema = required(
	object({
		backend: string("automatic"),
		mappings: list(
			required(object({ protocol: string(""), hostPort: integer(0), containerPort: integer(0), hostIP: string("") })),
		),
		addresses: list(string("")),
		snat: boolean(false),
		masqAll: boolean(false),
		conditionsV4: list(string("")),
		conditionsV6: list(string("")),
		excludedDevices: list(string("")),
		markMasqBit: integer(0),
		externalSetMarkChain: string(),
	}),
);

type Recorded = Infer<typeof schema>;

/** What a record of port maps consists of: `rules` of lib/state/firewall-records.ts. */
export function recordPortMap(portMap: PortMap, backend: PortMapBackendName): unknown {
	const { mappings, addresses, snat, masqAll, conditions, excludedDevices, markMasqBit, externalSetMarkChain } =
		portMap;
	return {
		backend,
		mappings: mappings.map(({ protocol, hostPort, containerPort, hostAddress }) => ({
			protocol,
			hostPort,
			containerPort,
			...(hostAddress === undefined ? {} : { hostIP: formatAddress(hostAddress) }),
		})),
		addresses: addresses.map(formatPrefix),
		snat,
		masqAll,
		conditionsV4: conditions[4],
		conditionsV6: conditions[6],
		excludedDevices,
		markMasqBit,
		externalSetMarkChain,
	} satisfies { [K in keyof Recorded]: unknown };
}

/** The port map on record; undefined when it cannot be understood. */
export function recordedPortMap({
	attachment,
	rules,
}: FirewallRecord): { readonly portMap: PortMap; readonly backend: PortMapBackendName } | undefined {
	const recorded = decode(rules);
	if (recorded === undefined) return undefined;
	const { backend, mappings, addresses, snat, masqAll, conditionsV4, conditionsV6, ...marks } = recorded;
	return {
		backend: backend === "nftables" || backend === "iptables" ? backend : "automatic",
		portMap: {
			attachment,
			mappings: (mappings ?? []).map(mappingOf).filter((mapping) => mapping !== undefined),
			addresses: (addresses ?? []).map(parsePrefix).filter((prefix) => prefix !== undefined),
			snat,
			masqAll,
			conditions: { 4: conditionsV4 ?? [], 6: conditionsV6 ?? [] },
			...marks,
		},
	};
}

function decode(rules: unknown): Recorded | undefined {
	try {
		return decodeDocument(schema, rules);
	} catch (thrown) {
		if (thrown instanceof SchemaError) return undefined;
		throw thrown;
	}
}

function mappingOf({ hostIP, ...mapping }: NonNullable<Recorded["mappings"]>[number]): PortMapping | undefined {
	const protocol = protocols.find((name) => name === mapping.protocol);
	const hostAddress = hostIP === "" ? undefined : parseAddress(hostIP);
	return protocol === undefined ? undefined : { ...mapping, protocol, hostAddress };
}

import { asObject } from "../../cni/member-of.ts";
import { type PortMapping, protocols } from "../../firewall/port-map-backend.ts";
import { parseAddress } from "../../ip/address.ts";

/** The capability argument `portMappings` that a runtime has given; what is no port map is passed over. */
export function capabilityPorts(value: unknown): readonly PortMapping[] {
	if (!Array.isArray(value)) return [];
	return value.flatMap((entry: unknown) => {
		const { hostPort, containerPort, protocol: given = "tcp", hostIP = "" } = asObject(entry) ?? {};
		const protocol = protocols.find((name) => name === String(given).toLowerCase());
		if (typeof hostPort !== "number" || typeof containerPort !== "number" || protocol === undefined) return [];
		return [{ hostPort, containerPort, protocol, hostAddress: parseAddress(String(hostIP)) }];
	});
}

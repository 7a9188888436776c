import { containerAddresses } from "../../../lib/cni/container-addresses.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AddRequest, AttachmentRequest, GcRequest } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { findMesosPort, removeMesosPortRules } from "../../../lib/firewall/mesos-port-rules.ts";
import { applyPortMap, collectPortMaps, removePortMap, verifyPortMap } from "../../../lib/firewall/port-map.ts";
import type { PortMap } from "../../../lib/firewall/port-map-backend.ts";
import { probeNat } from "../../../lib/firewall/probe-nat.ts";
import type { NetworkInfo } from "../../../lib/mesos/network-info.ts";
import type { MapperConfig, MapperSettings } from "./config.ts";
import { inStep, MapperError } from "./error.ts";

export interface Mapped {
	readonly settings: MapperSettings;
	/** Of the delegate. */
	readonly result: Result;
}

/** @throws CniError code 102 when there is no address, 103 when the ports cannot be mapped */
export function mapPorts(request: AddRequest<MapperConfig>, { settings, result }: Mapped): void {
	const { log, rollback, shared } = request;
	const portMap = describe(request, { settings, result });
	inPorts(() => {
		refuseTaken(request, settings);
		applyPortMap(request, { portMap, backend: settings.backend, rollback, log, shared });
	});
}

/** @throws CniError code 103 that names what is missing */
export function verifyPorts(request: AttachmentRequest<MapperConfig>, { settings, result }: Mapped): void {
	const portMap = describe(request, { settings, result });
	inStep({ code: MapperError.ports, prefix: "The port mappings are not as they should be" }, () =>
		verifyPortMap(portMap, settings.backend),
	);
}

/** @throws CniError code 103 */
export function unmapPorts(request: AttachmentRequest<MapperConfig>, networkInfo: NetworkInfo | undefined): void {
	const { prevResult, ifName, log, shared } = request;
	const addresses = prevResult === undefined ? [] : containerAddresses(prevResult, ifName);
	const told = { mappings: networkInfo?.portMappings ?? [], addresses };
	inPorts(() => removePortMap(request, { told, log, shared }));
}

/** @throws CniError code 103 */
export function collectPorts({ network, validAttachments }: GcRequest<MapperConfig>): void {
	inPorts(() => collectPortMaps(network, validAttachments));
}

/** Removes rules of containers that the plugin of Mesos attached, before its executable was replaced. */
export function removeOldRules(chain: string, isStale: (containerId: string) => boolean): void {
	inPorts(() => removeMesosPortRules(chain, isStale));
}

/** Whether an ADD could map ports now. @throws CniError code 50 */
export function probePorts({ backend }: MapperSettings): void {
	probeNat(backend, "map ports");
}

/** What ADD makes and CHECK looks for. @throws CniError code 102 when the delegate gave no address */
function describe(
	{ network, containerId, ifName }: AttachmentRequest<MapperConfig>,
	{ settings: { mappings, excludedDevices, delegate }, result }: Mapped,
): PortMap {
	const addresses = containerAddresses(result, ifName);
	if (addresses.length === 0) {
		const msg = `Delegate CNI plugin '${delegate.type}' did not return an IP address`;
		throw new CniError(MapperError.delegate, msg, {
			details: 'Ports are mapped to an address of the container: give the delegate an "ipam" section',
		});
	}
	return {
		attachment: { network, containerId, ifName },
		addresses,
		mappings,
		excludedDevices,
		snat: true,
		masqAll: false,
		conditions: { 4: [], 6: [] },
		markMasqBit: defaultMarkMasqBit,
		externalSetMarkChain: undefined,
	};
}

/** That of portmap. */
const defaultMarkMasqBit = 13;

/** The firewall finds the ports of its own; those of the plugin of Mesos have to be looked for. */
function refuseTaken({ containerId }: AttachmentRequest<MapperConfig>, { chain, mappings }: MapperSettings): void {
	const taken = findMesosPort(chain, { mappings, containerId });
	if (taken === undefined) return;
	throw new CniError(ErrorCode.internal, `Cannot map ${taken.port} of the host: ${taken.holder} holds it`, {
		details: "Choose another host port, or delete that attachment",
	});
}

function inPorts(action: () => void): void {
	inStep({ code: MapperError.ports, prefix: "Failed to update the port mappings" }, action);
}

import { containerAddresses } from "../../../lib/cni/container-addresses.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AddRequest, AttachmentRequest, Plugin } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { applyPortMap, collectPortMaps, removePortMap, verifyPortMap } from "../../../lib/firewall/port-map.ts";
import type { PortMap } from "../../../lib/firewall/port-map-backend.ts";
import { probeNat } from "../../../lib/firewall/probe-nat.ts";
import { type PortmapConfig, type PortmapSettings, parseSettings, portmapSchema, usableMappings } from "./config.ts";

/** Makes ports of containers reachable at ports of their host. docs/plugins/portmap.md */
export const portmap: Plugin<PortmapConfig> = {
	type: "portmap",
	versions: specVersions,
	schema: portmapSchema,

	add(request) {
		const settings = parseSettings(request.config);
		const { prevResult } = request;
		if (prevResult === undefined) {
			throw new CniError(ErrorCode.invalidNetworkConfig, "must be called as chained plugin", {
				details: 'Put portmap behind the plugin that makes the interface, in "plugins" of a .conflist',
			});
		}
		if (settings.mappings.length > 0) mapPorts(request, describe(request, { settings, prevResult }));
		return prevResult;
	},

	check(request) {
		const settings = parseSettings(request.config);
		const { prevResult } = request;
		if (prevResult === undefined) {
			throw new CniError(ErrorCode.internal, "Required prevResult missing", {
				details: "CHECK takes the result of ADD as prevResult; runtimes cache it",
			});
		}
		if (settings.mappings.length === 0) return;
		const { portMap, backend } = describe(request, { settings, prevResult });
		verifyPortMap(portMap, backend);
	},

	/** By what is on record, and whatever configuration and result still say. */
	async del(request) {
		const teardown = createTeardown(request.log);
		await teardown.step("port mappings", () => {
			const mappings = usableMappings(request.config);
			const addresses = request.prevResult === undefined ? [] : containerAddresses(request.prevResult, request.ifName);
			const { log, shared } = request;
			removePortMap(request, { told: { mappings, addresses }, log, shared });
		});
		teardown.finish();
	},

	async gc({ network, validAttachments, log }) {
		const teardown = createTeardown(log);
		await teardown.step("port mappings", () => collectPortMaps(network, validAttachments));
		teardown.finish();
	},

	status({ config }) {
		const { backend } = parseSettings(config);
		probeNat(backend, "map ports");
	},
};

interface Description {
	readonly portMap: PortMap;
	readonly backend: PortmapSettings["backend"];
}

/** What ADD makes and CHECK looks for. */
function describe(
	{ network, containerId, ifName }: AttachmentRequest<PortmapConfig>,
	{ settings: { backend, ...portMap }, prevResult }: { settings: PortmapSettings; prevResult: Result },
): Description {
	const attachment = { network, containerId, ifName };
	return { backend, portMap: { ...portMap, attachment, addresses: containerAddresses(prevResult, ifName) } };
}

function mapPorts(request: AddRequest<PortmapConfig>, { portMap, backend }: Description): void {
	const { log, rollback, shared } = request;
	log.step("port mappings", () => applyPortMap(request, { portMap, backend, rollback, log, shared }));
}

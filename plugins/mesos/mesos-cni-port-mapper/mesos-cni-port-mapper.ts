import { CniError, ErrorCode, messageOf } from "../../../lib/cni/error.ts";
import type { NetworkRequest, Plugin } from "../../../lib/cni/plugin.ts";
import { attachmentKeys } from "../../../lib/cni/plugin-request.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { mesosKey, networkInfoOf } from "../../../lib/mesos/network-info.ts";
import { chainOf, delegateOf, type MapperConfig, mapperSchema, mapperType, parseSettings } from "./config.ts";
import { addDelegate, callDelegate, servesNewVerbs } from "./delegate.ts";
import { collectPorts, mapPorts, probePorts, removeOldRules, unmapPorts, verifyPorts } from "./ports.ts";

/**
 * Maps the ports that Mesos's frameworks ask for to what another plugin attaches, with the configurations of the plugin
 * of this name that comes with Mesos. docs/plugins/mesos-cni-port-mapper.md
 */
export const mesosCniPortMapper: Plugin<MapperConfig> = {
	type: mapperType,
	versions: specVersions,
	schema: mapperSchema,

	async add(request) {
		const settings = parseSettings(request);
		const result = await addDelegate(request, { config: settings.delegate, networkInfo: settings.networkInfo });
		if (settings.mappings.length > 0) {
			request.log.step("port mappings", () => mapPorts(request, { settings, result }));
		}
		return result;
	},

	async check(request) {
		const settings = parseSettings(request);
		const { prevResult } = request;
		if (prevResult === undefined) {
			throw new CniError(ErrorCode.internal, "Required prevResult missing", {
				details: "CHECK takes the result of ADD as prevResult; runtimes cache it",
			});
		}
		const { delegate: config, networkInfo } = settings;
		await callDelegate(request, { verb: "CHECK", config, networkInfo, prevResult });
		if (settings.mappings.length > 0) verifyPorts(request, { settings, result: prevResult });
	},

	/** Ports before the delegate: nobody else may get the address while they lead to it. */
	async del(request) {
		const { config, log, containerId, prevResult } = request;
		const networkInfo = readable(request, () => networkInfoOf(config.args?.[mesosKey]));
		const chain = readable(request, () => chainOf(config));
		const delegate = readable(request, () => delegateOf(config));
		const teardown = createTeardown(log);
		await teardown.step("port mappings", () => unmapPorts(request, networkInfo));
		if (chain !== undefined) {
			await teardown.step("rules of Mesos's plugin", () => removeOldRules(chain, (id) => id === containerId));
		}
		if (delegate !== undefined) {
			await teardown.step("delegate", async () => {
				await callDelegate(request, { verb: "DEL", config: delegate, networkInfo, prevResult });
			});
		}
		teardown.finish();
	},

	async gc(request) {
		const { config, validAttachments, log } = request;
		const chain = readable(request, () => chainOf(config));
		const delegate = readable(request, () => delegateOf(config));
		const teardown = createTeardown(log);
		await teardown.step("port mappings", () => collectPorts(request));
		if (chain !== undefined) {
			const valid = new Set(validAttachments.map(({ containerId }) => containerId));
			await teardown.step("rules of Mesos's plugin", () => removeOldRules(chain, (id) => !valid.has(id)));
		}
		if (delegate !== undefined && (await servesNewVerbs(request, delegate))) {
			await teardown.step("delegate", async () => {
				await callDelegate(request, { verb: "GC", config: delegate, extra: attachmentKeys(validAttachments) });
			});
		}
		teardown.finish();
	},

	async status(request) {
		const settings = parseSettings(request);
		const { delegate: config } = settings;
		probePorts(settings);
		if (await servesNewVerbs(request, config)) await callDelegate(request, { verb: "STATUS", config });
	},
};

/** What DEL and GC can make of a part of the configuration: they go on without. */
function readable<T>({ log }: NetworkRequest<MapperConfig>, read: () => T): T | undefined {
	try {
		return read();
	} catch (thrown) {
		log.warn(`Ignored in the configuration: ${messageOf(thrown)}`);
		return undefined;
	}
}

import { annotate, CniError, ErrorCode } from "../error.ts";
import { findPlugin } from "../find-plugin.ts";
import { validateContainerId, validateIfName, validateNetworkName } from "../validate.ts";
import { callPlugin } from "./call-plugin.ts";
import { inPlugin } from "./in-plugin.ts";
import type { NetworkList } from "./network-list.ts";
import { encodeRecordedResult, parseRecordedResult, type RecordedResult } from "./recorded-result.ts";
import { writeCachedResult } from "./result-cache.ts";
import type { Runtime, RuntimeAttachment } from "./runtime.ts";

/**
 * Attaches: every plugin in order, each given the result of the one before. After a failure the caller owes a DEL, as
 * the specification says; nothing is cached then.
 *
 * @returns the last plugin's result
 * @throws CniError
 */
export function addNetwork(
	runtime: Runtime,
	{ network, attachment }: { network: NetworkList; attachment: RuntimeAttachment },
): RecordedResult {
	let recorded: RecordedResult | undefined;
	for (const plugin of network.plugins) {
		recorded = inPlugin(plugin, { verb: "add" }, () => {
			findPlugin(plugin.type, runtime.paths);
			validate(network.name, attachment);
			const prevResult = recorded === undefined ? {} : { prevResult: encodeRecordedResult(recorded) };
			const stdout = callPlugin(runtime, { verb: "ADD", network, plugin, attachment, ...prevResult });
			return parseRecordedResult(stdout, network.cniVersion);
		});
	}
	if (recorded === undefined) throw new CniError(ErrorCode.invalidNetworkConfig, "no plugin configs found");
	const result = recorded;
	annotate(`failed to set network ${JSON.stringify(network.name)} cached result`, () =>
		writeCachedResult(runtime.cacheDirectory, { network, attachment, recorded: result }),
	);
	return result;
}

function validate(networkName: string, { containerId, ifName }: RuntimeAttachment): void {
	if (containerId === "") throw new CniError(ErrorCode.unknownContainer, "missing containerID");
	validateContainerId(containerId);
	if (networkName === "") throw new CniError(ErrorCode.invalidNetworkConfig, "missing network name:");
	validateNetworkName(networkName);
	validateIfName(ifName);
}

import { annotate, CniError, ErrorCode } from "../error.ts";
import { callPlugin } from "./call-plugin.ts";
import type { NetworkList } from "./network-list.ts";
import { convertRecordedResult } from "./recorded-result.ts";
import { readCachedResult } from "./result-cache.ts";
import type { Runtime, RuntimeAttachment } from "./runtime.ts";
import { servesAt } from "./serves-at.ts";

/** Asks every plugin in order whether the attachment is as ADD left it; the first that says no ends it. @throws CniError */
export function checkNetwork(
	runtime: Runtime,
	{ network, attachment }: { network: NetworkList; attachment: RuntimeAttachment },
): void {
	const { name: networkName, cniVersion } = network;
	if (!servesAt(cniVersion, "0.4.0")) {
		throw new CniError(
			ErrorCode.incompatibleVersion,
			`configuration version ${JSON.stringify(cniVersion)} does not support the CHECK command`,
			{ details: "CHECK needs cniVersion 0.4.0 or later" },
		);
	}
	if (network.disableCheck) return;
	const key = { cacheDirectory: runtime.cacheDirectory, networkName, attachment };
	const prevResult = annotate(`failed to get network ${JSON.stringify(networkName)} cached result`, () => {
		const recorded = readCachedResult(key, cniVersion);
		return recorded === undefined ? {} : { prevResult: convertRecordedResult(recorded, cniVersion) };
	});
	for (const plugin of network.plugins) {
		callPlugin(runtime, { verb: "CHECK", network, plugin, attachment, ...prevResult });
	}
}

import { callPlugin } from "./call-plugin.ts";
import { inPlugin } from "./in-plugin.ts";
import type { NetworkList } from "./network-list.ts";
import { convertRecordedResult } from "./recorded-result.ts";
import { type CacheKey, deleteCachedResult, readCachedResult } from "./result-cache.ts";
import type { Runtime, RuntimeAttachment } from "./runtime.ts";
import { servesAt } from "./serves-at.ts";

/**
 * Detaches: every plugin in reverse order, each given the cached result. After a failure the plugins before it are not
 * called and the cache stays, so that the same DEL can be tried again.
 *
 * @throws CniError
 */
export function delNetwork(
	runtime: Runtime,
	{ network, attachment }: { network: NetworkList; attachment: RuntimeAttachment },
): void {
	const key = { cacheDirectory: runtime.cacheDirectory, networkName: network.name, attachment };
	const prevResult = servesAt(network.cniVersion, "0.4.0") ? readPrevResult(key, network.cniVersion) : {};
	for (const plugin of network.plugins.toReversed()) {
		inPlugin(plugin, { verb: "delete" }, () =>
			callPlugin(runtime, { verb: "DEL", network, plugin, attachment, ...prevResult }),
		);
	}
	forget(key);
}

/** A cache that cannot be read must not stop a DEL: it is dropped, and plugins manage without. */
function readPrevResult(key: CacheKey, cniVersion: string): { prevResult?: unknown } {
	try {
		const recorded = readCachedResult(key, cniVersion);
		return recorded === undefined ? {} : { prevResult: convertRecordedResult(recorded, cniVersion) };
	} catch {
		forget(key);
		return {};
	}
}

function forget(key: CacheKey): void {
	try {
		deleteCachedResult(key);
	} catch {
		// What the plugins made is gone; a file that stays behind costs a needless DEL at the next GC, nothing else.
	}
}

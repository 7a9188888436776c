import { callPlugin } from "./call-plugin.ts";
import type { NetworkList } from "./network-list.ts";
import type { Runtime } from "./runtime.ts";
import { servesAt } from "./serves-at.ts";

/**
 * Asks every plugin in order whether it could serve an ADD now; the first that says no ends it. Networks older than
 * version 1.1.0 cannot be asked and count as ready.
 *
 * @throws CniError of the plugin, unchanged
 */
export function statusNetwork(runtime: Runtime, network: NetworkList): void {
	if (!servesAt(network.cniVersion, "1.1.0")) return;
	for (const plugin of network.plugins) callPlugin(runtime, { verb: "STATUS", network, plugin });
}

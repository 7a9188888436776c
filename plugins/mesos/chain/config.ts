import { commonKeys } from "../../../lib/cni/common-keys.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { NetworkRequest } from "../../../lib/cni/plugin.ts";
import { boolean, type Infer, list, object, plugin, required, string } from "../../../lib/cni/schema.ts";
import { capabilityArgsOf } from "../../../lib/mesos/capability-args.ts";
import { mesosKey, mesosSchema, networkInfoOf } from "../../../lib/mesos/network-info.ts";

/** The keys of a chain; docs/plugins/chain.md explains each. */
export const chainSchema = required(
	object({
		...commonKeys,
		plugins: list(plugin()),
		disableCheck: boolean(false),
		disableGC: boolean(false),
		stateDir: string(""),
		args: object({ [mesosKey]: mesosSchema }),
		runtimeConfig: object({}),
	}),
);

export type ChainConfig = Infer<typeof chainSchema>;

/** Where results are kept unless `stateDir` says otherwise; see lib/state/chain-result.ts. */
const defaultStateDir = "/run/cni-suite";

export function stateDirOf({ stateDir }: ChainConfig): string {
	return stateDir === "" ? defaultStateDir : stateDir;
}

/**
 * What members that declare capabilities are given.
 *
 * @throws CniError code 7 that names what of Mesos's data cannot be used
 */
export function capabilitiesOf({ config, document }: NetworkRequest<ChainConfig>): Readonly<Record<string, unknown>> {
	return capabilityArgsOf(networkInfoOf(config.args?.[mesosKey]), document);
}

/** @throws CniError code 7 for keys that would have no effect here, and were meant to have one */
export function refuseMisplaced({ ipam }: ChainConfig): void {
	if (ipam === undefined) return;
	throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot use "ipam" of a chain: a chain has no interface`, {
		details: `Move it into the entry of "plugins" that makes the interface, such as that of bridge`,
	});
}

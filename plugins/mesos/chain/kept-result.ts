import { errorText } from "../../../lib/cni/error.ts";
import type { AttachmentRequest, NetworkRequest } from "../../../lib/cni/plugin.ts";
import { type ChainNetwork, type ChainResult, readChainResult } from "../../../lib/state/chain-result.ts";
import { type ChainConfig, stateDirOf } from "./config.ts";

/** Where the results of this network are kept. */
export function placeOf({ config, network }: NetworkRequest<ChainConfig>): ChainNetwork {
	return { stateDir: stateDirOf(config), network };
}

/** What ADD has kept of the attachment; what cannot be read counts as nothing, and every verb manages without. */
export function readKept(request: AttachmentRequest<ChainConfig>): ChainResult | undefined {
	try {
		return readChainResult(placeOf(request), request);
	} catch (thrown) {
		request.log.warn(errorText(thrown));
		return undefined;
	}
}

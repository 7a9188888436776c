import { listCacheEntries } from "../../cni/runtime/result-cache.ts";
import type { StatePlaces } from "./state-places.ts";
import type { Witness } from "./witness.ts";

/** What libcni's result cache knows, which containerd, CRI-O, Nomad, cnitool and `cnictl` share. */
export function cachedWitnesses({ cacheDirectory }: StatePlaces): readonly Witness[] {
	return listCacheEntries(cacheDirectory).map(({ attachment, changedAt, recorded }) => ({
		attachment: { ...attachment, network: attachment.networkName },
		source: "the cached result",
		sandbox: { path: attachment.netns, namespace: "" },
		addresses: recorded?.result.ips.map(({ address }) => address.address) ?? [],
		since: changedAt,
	}));
}

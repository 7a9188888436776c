import { quoteText } from "../../../cni/quote-text.ts";
import { type CacheEntry, listCacheEntries, removeCacheEntry } from "../../../cni/runtime/result-cache.ts";
import type { Finding, FindingKind } from "../finding.ts";
import { judge, ownerOf } from "../judge.ts";

/** Results that libcni has kept for a DEL that never came, or that failed. */
export const cachedResults: FindingKind = {
	name: "cached result",
	find: (look) =>
		listCacheEntries(look.survey.places.cacheDirectory).flatMap((entry) => {
			const { networkName: network, containerId, ifName } = entry.attachment;
			const addresses = entry.recorded?.result.ips.map(({ address }) => address.address) ?? [];
			const owner = { ...ownerOf({ network, containerId, ifName }), addresses };
			const verdict = judge(owner, look, { since: entry.changedAt });
			return [findingOf(entry, { owner, verdict })];
		}),
};

function findingOf(entry: CacheEntry, { owner, verdict }: Pick<Finding, "owner" | "verdict">): Finding {
	return {
		key: `${entry.path} ${entry.changedAt}`,
		what: "result of ADD",
		where: quoteText(entry.path),
		owner,
		verdict,
		remove: () => removeCacheEntry(entry),
	};
}

import type { Family, IpAddress } from "../../ip/address.ts";
import { hasTable } from "../../netlink/nftables/table.ts";
import { withNftables } from "../nftables-session.ts";
import { isLegacyInUse } from "./in-use.ts";
import { isMasqueradeChain } from "./names.ts";
import { dnatChain, isPortChain, oldSnatChain, parseJumpComment } from "./port-rules.ts";
import { type Kind, saveNat } from "./program.ts";
import { natTables, removeChain } from "./remove-chain.ts";
import { parseSavedChains, parseSavedRules, type SavedRule } from "./saved-rule.ts";

/** A chain of table nat that is one container's on one network, made by either suite. */
export interface OwnedChain {
	readonly chain: string;
	/** What it does: `masquerading`, `port maps`. */
	readonly what: string;
	readonly families: readonly Family[];
	/** As its comments have it, which may be cut off; undefined for a chain without a rule. */
	readonly owner: { readonly network: string; readonly containerId: string } | undefined;
	/** Of the container, as far as the rules say. */
	readonly addresses: readonly IpAddress[];
	/** From both implementations and families. @throws CniError */
	remove(): void;
}

/** Starts processes only where there is such a table. @throws CniError when iptables is in use and its programs are missing */
export function listOwnedChains(): readonly OwnedChain[] {
	const found = ([4, 6] as const).flatMap((family) =>
		kindsInUse(family).flatMap((kind) => chainsIn(saveNat(family, kind)).map((chain) => ({ ...chain, family }))),
	);
	return Array.from(
		Map.groupBy(found, ({ chain }) => chain),
		([chain, some]) => ({
			chain,
			what: chain.startsWith("CNI-DN-") || chain.startsWith("CNI-SN-") ? "port maps" : "masquerading",
			families: [...new Set(some.map(({ family }) => family))],
			owner: some.find(({ owner }) => owner !== undefined)?.owner,
			addresses: some.flatMap(({ addresses }) => addresses),
			remove: () => removeChain({ chain, parent: parentOf(chain) }),
		}),
	);
}

function kindsInUse(family: Family): readonly Kind[] {
	const inNft = withNftables(
		(socket) => hasTable(socket, natTables[family]),
		() => false,
	);
	return [...(inNft ? (["nft"] as const) : []), ...(isLegacyInUse(family) ? (["legacy"] as const) : [])];
}

function chainsIn(saved: readonly string[]): readonly Pick<OwnedChain, "chain" | "owner" | "addresses">[] {
	const rules = parseSavedRules(saved);
	return parseSavedChains(saved)
		.filter((chain) => isMasqueradeChain(chain) || isPortChain(chain) || /^CNI-SN-[0-9a-f]{21}$/.test(chain))
		.map((chain) => {
			const own = rules.filter((rule) => rule.chain === chain || rule.target === chain);
			return { chain, owner: ownerOf(own), addresses: own.flatMap((rule) => addressOf(rule, chain) ?? []) };
		});
}

function ownerOf(rules: readonly SavedRule[]): OwnedChain["owner"] {
	for (const { comment } of rules) {
		const jump = parseJumpComment(comment);
		if (jump !== undefined) return jump;
		const [, network, containerId] = /^name: "([^"]*)" id: "([^"]*)"$/.exec(comment) ?? [];
		if (network !== undefined && containerId !== undefined) return { network, containerId };
	}
	return undefined;
}

/** What is masqueraded jumps to the chain by its source; older releases compare with the network. */
function addressOf({ source, target }: SavedRule, chain: string): IpAddress | undefined {
	if (source === undefined || target !== chain) return undefined;
	return source.length === (source.address.family === 4 ? 32 : 128) ? source.address : undefined;
}

function parentOf(chain: string): string {
	if (isMasqueradeChain(chain)) return "POSTROUTING";
	return isPortChain(chain) ? dnatChain : oldSnatChain;
}

import type { Family } from "../ip/address.ts";
import { findChain } from "../netlink/nftables/chain.ts";
import { isLegacyInUse } from "./iptables/in-use.ts";
import { type Kind, restoreNat, saveNat } from "./iptables/program.ts";
import { natTables } from "./iptables/remove-chain.ts";
import { parseSavedRules, type SavedRule, splitWords } from "./iptables/saved-rule.ts";
import { withNftables } from "./nftables-session.ts";
import { describePort, type PortMapping, protocols } from "./port-map-backend.ts";

/*
 * What the port mapper that comes with Mesos has made, and nobody removes once its executable is replaced: rules in the
 * chain that its configuration names, in table nat of IPv4, one for each port:
 *
 *     -A <chain> ! -i <device> -p tcp -m tcp --dport 8080 -m comment --comment "container_id: <id>"
 *        -j DNAT --to-destination 10.1.2.3:80
 *
 * The chain itself and the two jumps to it stay: it takes the chain for a proof that the jumps are there.
 */

const family: Family = 4;
const commentPrefix = "container_id: ";

/** Removes the rules of containers of which `isStale` says so. @throws CniError */
export function removeMesosPortRules(chain: string, isStale: (containerId: string) => boolean): void {
	for (const { kind, rules } of rulesOf(chain)) {
		const stale = rules.filter((rule) => isStale(containerOf(rule)));
		if (stale.length > 0) {
			restoreNat(
				stale.map(({ specification }) => `-D ${chain} ${specification}`),
				{ family, kind },
			);
		}
	}
}

/** A port of these that another container still has, and whose it is: `tcp port 8080`, `container "c1" (…)`. */
export function findMesosPort(
	chain: string,
	{ mappings, containerId }: { mappings: readonly PortMapping[]; containerId: string },
): { readonly port: string; readonly holder: string } | undefined {
	const rules = rulesOf(chain).flatMap((found) => found.rules);
	for (const mapping of mappings) {
		const rule = rules.find((each) => containerOf(each) !== containerId && isOfPort(each, mapping));
		if (rule === undefined) continue;
		const port = describePort({ ...mapping, family, hostAddress: undefined });
		return { port, holder: `container "${containerOf(rule)}" (chain "${chain}" of iptables)` };
	}
	return undefined;
}

interface FoundRules {
	readonly kind: Kind;
	readonly rules: readonly SavedRule[];
}

/** Starts a process only where there may be something. */
function rulesOf(chain: string): readonly FoundRules[] {
	const inNft = withNftables(
		(socket) => findChain(socket, { ...natTables[family], chain }) !== undefined,
		() => false,
	);
	const kinds: readonly Kind[] = [
		...(inNft ? (["nft"] as const) : []),
		...(isLegacyInUse(family) ? (["legacy"] as const) : []),
	];
	return kinds.map((kind) => ({
		kind,
		rules: parseSavedRules(saveNat(family, kind)).filter(
			(rule) => rule.chain === chain && rule.comment.startsWith(commentPrefix),
		),
	}));
}

/** The whole id: those of nested containers begin with their parent's. */
function containerOf({ comment }: SavedRule): string {
	return comment.slice(commentPrefix.length);
}

function isOfPort({ specification }: SavedRule, { protocol, hostPort }: PortMapping): boolean {
	const words = splitWords(specification);
	const found = protocols.find((name) => name === words[words.indexOf("-p") + 1]);
	return found === protocol && words[words.indexOf("--dport") + 1] === String(hostPort);
}

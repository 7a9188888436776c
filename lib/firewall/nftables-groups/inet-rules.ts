import type { Family } from "../../ip/address.ts";
import type { Expression } from "../../netlink/nftables/expression.ts";
import {
	loadInputInterface,
	loadSourceMac,
	matchEthernet,
	matchKnownConnection,
	matchNotForHost,
} from "../../netlink/nftables/frame.ts";
import { loadAddress, matchAddress, matchDestinationNat, matchFamily } from "../../netlink/nftables/match.ts";
import type { ChainLayout, RuleLayout, TableLayout } from "../nftables-layout.ts";
import {
	accept,
	chainOf,
	decidedBy,
	drop,
	firstHook,
	forwardHook,
	goTo,
	hasAddressIn,
	inPort,
	ip,
	isIn,
	rule,
	tableComment,
} from "./rule.ts";
import { classChains, families, groupSets, inetSet, inetSets, inetTable } from "./tables.ts";

/**
 * Routed packets are judged by addresses, of which is proven that they are the sender's: on bridges by the rules of
 * bridge-rules.ts, elsewhere here.
 *
 *     table inet cni_groups {
 *         set ports { type ifname }                                  # of containers that are on no bridge
 *         set bridges { type ifname }                                # where proven packets come from
 *         set sources4 { type ifname . ipv4_addr }                   # each of the following for IPv6 too
 *         set addresses4, published4, reachable4 { type ipv4_addr }
 *         map classes { type ifname . ether_addr : verdict }         # "br0" . 02:… : jump class_<key>; for both
 *         set group4_<key> { type ipv4_addr }
 *         chain class_<key> { ip daddr @group4_<key> accept … }
 *         chain prerouting {
 *             type filter hook prerouting priority -300
 *             iifname @bridges accept
 *             iifname . ip saddr @sources4 accept
 *             iifname @ports drop
 *             ip saddr @addresses4 drop
 *         }
 *         chain forward {
 *             type filter hook forward priority 0
 *             meta pkttype != host accept                            # bridged, and here through br_netfilter
 *             ip6 daddr fe80::/10 accept                             # the same
 *             ip saddr @addresses4 goto from_container
 *             ip daddr @addresses4 goto to_container
 *         }
 *         chain from_container {
 *             iifname . ether saddr vmap @classes
 *             ct state established,related ct status dnat accept     # its first packet was judged
 *             ct status dnat ip daddr @published4 accept
 *             ip daddr @addresses4 drop
 *         }
 *         chain to_container {                                       # from outside
 *             ct state established,related ct status dnat accept
 *             ct status dnat ip daddr @published4 accept
 *             ct status dnat drop
 *             ct state established,related accept
 *             ip daddr @reachable4 accept
 *             drop
 *         }
 *     }
 *
 * A class is looked up by hardware address where the address of IP is registered: nobody else can have sent from that
 * one, nor its owner from another hardware address. So one element does for both families, and the kernel, which walks
 * over those that jump, has half as many to walk over.
 *
 * Between containers nothing hangs on established connections: groups are the same in both directions, and what an
 * address was allowed ends with the elements of the container that had it.
 */
export function inetLayout(): TableLayout {
	return { ...inetTable, comment: tableComment, sets: inetSets(), chains: chains() };
}

/** The chain of a class. */
export function inetClass(classKey: string, groupKeys: readonly string[]): ChainLayout {
	return chainOf(classChains(classKey).inet.chain, {
		rules: () =>
			groupKeys.flatMap((key) =>
				families.map((family) => {
					const set = groupSets(key)[family];
					return rule(`${ip(family)} daddr @${set.set} accept`, hasAddressIn(set, { family, field: "daddr" }), accept);
				}),
			),
	});
}

function chains(): readonly ChainLayout[] {
	return [
		chainOf("from_container", { uses: 8, rules: fromContainerRules }),
		chainOf("to_container", { uses: 10, rules: toContainerRules }),
		chainOf("prerouting", { hook: firstHook, uses: 6, rules: preroutingRules }),
		chainOf("forward", { hook: forwardHook, uses: 6, rules: forwardRules }),
	];
}

function fromContainerRules(): readonly RuleLayout[] {
	return [
		rule(
			"iifname . ether saddr vmap @classes",
			matchEthernet,
			decidedBy([loadInputInterface, loadSourceMac], inetSet("classes")),
		),
		knownPortRule,
		...families.map(publishedRule),
		...families.map((family) => addressRule("daddr", { family, set: "addresses", what: "drop", verdict: drop })),
	];
}

function toContainerRules(): readonly RuleLayout[] {
	return [
		knownPortRule,
		...families.map(publishedRule),
		rule("ct status dnat drop", matchDestinationNat, drop),
		rule("ct state established,related accept", matchKnownConnection, accept),
		...families.map((family) => addressRule("daddr", { family, set: "reachable", what: "accept", verdict: accept })),
		rule("drop", drop),
	];
}

function preroutingRules(): readonly RuleLayout[] {
	return [
		rule("iifname @bridges accept", isIn(inPort, inetSet("bridges")), accept),
		...families.map((family) =>
			rule(
				`iifname . ${ip(family)} saddr @sources${family} accept`,
				matchFamily(family),
				isIn([loadInputInterface, loadAddress(family, "saddr")], inetSet(`sources${family}`)),
				accept,
			),
		),
		rule("iifname @ports drop", isIn(inPort, inetSet("ports")), drop),
		...families.map((family) => addressRule("saddr", { family, set: "addresses", what: "drop", verdict: drop })),
	];
}

function forwardRules(): readonly RuleLayout[] {
	const addressed = (field: "saddr" | "daddr", chain: string) =>
		families.map((family) =>
			addressRule(field, { family, set: "addresses", what: `goto ${chain}`, verdict: goTo(chain) }),
		);
	return [
		rule("meta pkttype != host accept", matchNotForHost, accept),
		rule(
			"ip6 daddr fe80::/10 accept",
			matchFamily(6),
			matchAddress("daddr", { operator: "==", prefix: linkLocal }),
			accept,
		),
		...addressed("saddr", "from_container"),
		...addressed("daddr", "to_container"),
	];
}

/** Through a port of the host; its first packet was judged. */
const knownPortRule = rule(
	"ct state established,related ct status dnat accept",
	matchKnownConnection,
	matchDestinationNat,
	accept,
);

const linkLocal = { address: { family: 6, value: 0xfe80n << 112n }, length: 10 } as const;

function publishedRule(family: Family): RuleLayout {
	return rule(
		`ct status dnat ${ip(family)} daddr @published${family} accept`,
		matchDestinationNat,
		hasAddressIn(inetSet(`published${family}`), { family, field: "daddr" }),
		accept,
	);
}

interface AddressRule {
	readonly family: Family;
	readonly set: "addresses" | "reachable";
	readonly what: string;
	readonly verdict: readonly Expression[];
}

function addressRule(field: "saddr" | "daddr", { family, set, what, verdict }: AddressRule): RuleLayout {
	return rule(
		`${ip(family)} ${field} @${set}${family} ${what}`,
		hasAddressIn(inetSet(`${set}${family}`), { family, field }),
		verdict,
	);
}

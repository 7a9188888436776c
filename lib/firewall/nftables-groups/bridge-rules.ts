import type { Family } from "../../ip/address.ts";
import type { Expression } from "../../netlink/nftables/expression.ts";
import {
	loadArpSource,
	loadArpSourceMac,
	loadInputInterface,
	loadNeighbourTarget,
	loadSourceMac,
	matchEthernetArp,
	matchIcmp6,
	matchInterfaceKind,
	matchNeighbourType,
	matchProtocol,
	type NeighbourType,
} from "../../netlink/nftables/frame.ts";
import { loadAddress, matchAddress } from "../../netlink/nftables/match.ts";
import type { ChainLayout, RuleLayout, TableLayout } from "../nftables-layout.ts";
import {
	accept,
	chainOf,
	decidedBy,
	drop,
	firstHook,
	forwardHook,
	goTo,
	inPort,
	ip,
	isIn,
	outPort,
	rule,
	tableComment,
} from "./rule.ts";
import { bridgeSet, bridgeSets, bridgeTable, classChains, families, groupSets } from "./tables.ts";

/**
 * Bridged frames are judged by the ports that they come from and go to, whatever is in them. A container is a few
 * elements, with its attachment's tag as their comment:
 *
 *     table bridge cni_groups {
 *         set ports { type ifname }                                  # ports of containers
 *         set sources4 { type ifname . ether_addr . ipv4_addr }      # who may send from what; and sources6
 *         set addresses4 { type ipv4_addr }                          # what belongs to somebody; and addresses6
 *         map classes { type ifname : verdict }                      # "vethA" : jump class_<key>
 *         set reachable { type ifname }                              # ports that the outside may talk with
 *         set group_<key> { type ifname }                            # the ports of a group's members
 *         chain class_<key> { oifname @group_<key> accept … }        # a rule for each group of the class
 *         chain prerouting {
 *             type filter hook prerouting priority -300
 *             meta protocol ip iifname . ether saddr . ip saddr @sources4 accept
 *             meta protocol ip6 iifname . ether saddr . ip6 saddr @sources6 goto neighbours
 *             iifname @ports goto unproven
 *             meta protocol ip ip saddr @addresses4 drop
 *             meta protocol ip6 ip6 saddr @addresses6 drop
 *             meta protocol arp arp saddr ip @addresses4 drop
 *             meta protocol ip6 icmpv6 type nd-neighbor-advert icmpv6 taddr @addresses6 drop
 *         }
 *         chain neighbours {                                         # IPv6 from the right port and address
 *             meta l4proto != icmpv6 accept
 *             icmpv6 type nd-router-advert drop
 *             icmpv6 type nd-redirect drop
 *             icmpv6 type nd-neighbor-advert iifname . ether saddr . icmpv6 taddr @sources6 accept
 *             icmpv6 type nd-neighbor-advert drop
 *             ip6 saddr :: icmpv6 type nd-neighbor-solicit iifname . ether saddr . icmpv6 taddr @sources6 accept
 *             ip6 saddr :: icmpv6 type nd-neighbor-solicit drop
 *         }
 *         chain unproven {                                           # everything else from a container
 *             meta protocol arp arp htype 1 arp ptype ip arp hlen 6 arp plen 4
 *                 iifname . ether saddr . arp saddr ip @sources4
 *                 iifname . arp saddr ether . arp saddr ip @sources4 accept
 *             drop
 *         }
 *         chain forward {
 *             type filter hook forward priority 0
 *             iifname vmap @classes
 *             iifname @ports goto from_container
 *             oifname @ports goto to_container
 *         }
 *         chain from_container {                                     # no common group
 *             oifname @ports drop
 *             meta oifkind "veth" drop                               # a container that is not registered (yet)
 *             meta oifkind "tun" drop
 *             iifname @reachable accept
 *             drop
 *         }
 *         chain to_container { … the same from the other side … }
 *     }
 */
export function bridgeLayout(): TableLayout {
	return { ...bridgeTable, comment: tableComment, sets: bridgeSets(), chains: chains() };
}

/** The chain of a class. */
export function bridgeClass(classKey: string, groupKeys: readonly string[]): ChainLayout {
	return chainOf(classChains(classKey).bridge.chain, {
		rules: () =>
			groupKeys.map((key) => {
				const set = groupSets(key).bridge;
				return rule(`oifname @${set.set} accept`, isIn(outPort, set), accept);
			}),
	});
}

function chains(): readonly ChainLayout[] {
	return [
		chainOf("neighbours", { uses: 8, rules: neighbourRules }),
		chainOf("unproven", { uses: 3, rules: unprovenRules }),
		chainOf("from_container", { uses: 6, rules: fromContainerRules }),
		chainOf("to_container", { uses: 5, rules: () => outsideRules("oifname") }),
		chainOf("prerouting", { hook: firstHook, uses: 7, rules: preroutingRules }),
		chainOf("forward", { hook: forwardHook, uses: 3, rules: forwardRules }),
	];
}

function fromContainerRules(): readonly RuleLayout[] {
	return [rule("oifname @ports drop", isIn(outPort, bridgeSet("ports")), drop), ...outsideRules("iifname")];
}

function forwardRules(): readonly RuleLayout[] {
	return [
		rule("iifname vmap @classes", decidedBy(inPort, bridgeSet("classes"))),
		rule("iifname @ports goto from_container", isIn(inPort, bridgeSet("ports")), goTo("from_container")),
		rule("oifname @ports goto to_container", isIn(outPort, bridgeSet("ports")), goTo("to_container")),
	];
}

function preroutingRules(): readonly RuleLayout[] {
	const source = (family: Family) => loadAddress(family, "saddr");
	const proven = (family: Family) =>
		isIn([loadInputInterface, loadSourceMac, source(family)], bridgeSet(`sources${family}`));
	return [
		rule("iifname . ether saddr . ip saddr @sources4 accept", matchProtocol("ip"), proven(4), accept),
		rule(
			"iifname . ether saddr . ip6 saddr @sources6 goto neighbours",
			matchProtocol("ip6"),
			proven(6),
			goTo("neighbours"),
		),
		rule("iifname @ports goto unproven", isIn(inPort, bridgeSet("ports")), goTo("unproven")),
		...families.map((family) =>
			rule(
				`${ip(family)} saddr @addresses${family} drop`,
				matchProtocol(ip(family)),
				isIn([source(family)], bridgeSet(`addresses${family}`)),
				drop,
			),
		),
		rule("arp saddr ip @addresses4 drop", matchProtocol("arp"), isIn([loadArpSource], bridgeSet("addresses4")), drop),
		rule(
			"icmpv6 type nd-neighbor-advert icmpv6 taddr @addresses6 drop",
			matchProtocol("ip6"),
			matchIcmp6(),
			matchNeighbourType("nd-neighbor-advert"),
			isIn([loadNeighbourTarget], bridgeSet("addresses6")),
			drop,
		),
	];
}

function neighbourRules(): readonly RuleLayout[] {
	const ofType = (type: NeighbourType, how: string, ...more: readonly (readonly Expression[])[]) =>
		rule(`icmpv6 type ${type} ${how}`, matchNeighbourType(type), ...more);
	const ofNobody = (how: string, ...more: readonly (readonly Expression[])[]) =>
		rule(
			`ip6 saddr :: icmpv6 type nd-neighbor-solicit ${how}`,
			matchAddress("saddr", { operator: "==", prefix: { address: { family: 6, value: 0n }, length: 128 } }),
			matchNeighbourType("nd-neighbor-solicit"),
			...more,
		);
	const own = "iifname . ether saddr . icmpv6 taddr @sources6 accept";
	const isOwn = isIn([loadInputInterface, loadSourceMac, loadNeighbourTarget], bridgeSet("sources6"));
	return [
		rule("meta l4proto != icmpv6 accept", matchIcmp6("!="), accept),
		ofType("nd-router-advert", "drop", drop),
		ofType("nd-redirect", "drop", drop),
		ofType("nd-neighbor-advert", own, isOwn, accept),
		ofType("nd-neighbor-advert", "drop", drop),
		ofNobody(own, isOwn, accept),
		ofNobody("drop", drop),
	];
}

function unprovenRules(): readonly RuleLayout[] {
	const senders = [loadSourceMac, loadArpSourceMac].map((mac) =>
		isIn([loadInputInterface, mac, loadArpSource], bridgeSet("sources4")),
	);
	return [
		rule(
			"arp … iifname . arp saddr ether . arp saddr ip @sources4 accept",
			matchProtocol("arp"),
			matchEthernetArp,
			...senders,
			accept,
		),
		rule("drop", drop),
	];
}

/** Between a container, at `own`, and what is on the other side and no container that is registered. */
function outsideRules(own: "iifname" | "oifname"): readonly RuleLayout[] {
	const kind = own === "iifname" ? "oifkind" : "iifkind";
	const ownPort = own === "iifname" ? inPort : outPort;
	return [
		rule(`meta ${kind} "veth" drop`, matchInterfaceKind(kind, "veth"), drop),
		rule(`meta ${kind} "tun" drop`, matchInterfaceKind(kind, "tun"), drop),
		rule(`${own} @reachable accept`, isIn(ownPort, bridgeSet("reachable")), accept),
		rule("drop", drop),
	];
}

import type { Family } from "../ip/address.ts";
import type { Expression } from "../netlink/nftables/expression.ts";
import {
	loadAddress,
	loadInterface,
	matchAnswer,
	matchDestinationNat,
	matchFamily,
	matchSet,
} from "../netlink/nftables/match.ts";
import type { RuleLayout, TableLayout } from "./nftables-layout.ts";
import { table, tableComment } from "./nftables-ports/layout.ts";

/*
 * Accepted containers are elements of sets, and so are bridges with an ingress policy: neither adding one nor a packet's
 * way depends on how many there are. Elements of one attachment carry its tag as their comment; those of a bridge are
 * shared by its attachments.
 *
 *     table inet cni_suite {
 *         set forward4 { type ipv4_addr; elements = { 10.1.2.3 comment "<tag>" } }       # and forward6
 *         set policy_bridges { type ifname; elements = { "cni0" } }                      # with any policy
 *         set same_bridge { type ifname . ifname; elements = { "cni0" . "cni0" } }       # with that one
 *         set isolated_bridges { type ifname . ifname; elements = { "cni1" . "cni1" } }  # with that one
 *         chain forward {
 *             type filter hook forward priority filter
 *             iifname @policy_bridges jump forward_ingress
 *             jump forward_admin
 *             ip daddr @forward4 ct state established,related accept
 *             ip daddr @forward4 ct status dnat accept
 *             ip saddr @forward4 accept
 *             (the same for ip6)
 *         }
 *         chain forward_ingress {                     # from one bridge with a policy to another, or the same
 *             iifname . oifname @isolated_bridges drop
 *             iifname . oifname @same_bridge return
 *             oifname @policy_bridges drop
 *         }
 *         chain forward_admin { }                     # an administrator's, never touched
 *     }
 *
 * What a bridge passes from port to port is seen by no other family than this:
 *
 *     table bridge cni_suite {
 *         set isolated_ports { type ifname; elements = { "veth…" comment "<tag>" } }
 *         chain forward {
 *             type filter hook forward priority filter
 *             iifname @isolated_ports oifname @isolated_ports drop
 *         }
 *     }
 *
 * The policy of the base chain is an administrator's too: with `policy drop`, the host forwards for containers alone.
 */

const bridge = { family: "bridge", table: "cni_suite" } as const;
const filter = { type: "filter", hook: "forward", priority: 0 } as const;

export const acceptedSets = { 4: { ...table, set: "forward4" }, 6: { ...table, set: "forward6" } } as const;
export const policyBridges = { ...table, set: "policy_bridges" } as const;
export const bridgePairs = {
	"same-bridge": { ...table, set: "same_bridge" },
	isolated: { ...table, set: "isolated_bridges" },
} as const;
export const isolatedPorts = { ...bridge, set: "isolated_ports" } as const;

/** What accepts, and what keeps bridges apart. Made at the first need, as all of it is small. */
export function forwardLayout(): TableLayout {
	return {
		...table,
		comment: tableComment,
		sets: [
			{ set: acceptedSets[4].set, key: ["ipv4_addr"] },
			{ set: acceptedSets[6].set, key: ["ipv6_addr"] },
			{ set: policyBridges.set, key: ["ifname"] },
			{ set: bridgePairs["same-bridge"].set, key: ["ifname", "ifname"] },
			{ set: bridgePairs.isolated.set, key: ["ifname", "ifname"] },
		],
		chains: [
			{
				chain: "forward",
				hook: filter,
				rules: [
					rule("iifname @policy_bridges jump forward_ingress", [
						...matchSet([loadInterface("iifname")], policyBridges.set),
						{ kind: "verdict", verdict: "jump", chain: "forward_ingress" },
					]),
					rule("jump forward_admin", [{ kind: "verdict", verdict: "jump", chain: "forward_admin" }]),
					...acceptRules(4),
					...acceptRules(6),
				],
			},
			{
				chain: "forward_ingress",
				rules: [
					rule(`iifname . oifname @${bridgePairs.isolated.set} drop`, [
						...matchSet(pair, bridgePairs.isolated.set),
						drop,
					]),
					rule(`iifname . oifname @${bridgePairs["same-bridge"].set} return`, [
						...matchSet(pair, bridgePairs["same-bridge"].set),
						{ kind: "verdict", verdict: "return" },
					]),
					rule("oifname @policy_bridges drop", [...matchSet([loadInterface("oifname")], policyBridges.set), drop]),
				],
			},
			{ chain: "forward_admin", rules: undefined },
		],
	};
}

/** What keeps ports of one bridge apart. */
export function portIsolationLayout(): TableLayout {
	return {
		...bridge,
		comment: tableComment,
		sets: [{ set: isolatedPorts.set, key: ["ifname"] }],
		chains: [
			{
				chain: "forward",
				hook: filter,
				rules: [
					rule(`iifname @${isolatedPorts.set} oifname @${isolatedPorts.set} drop`, [
						...matchSet([loadInterface("iifname")], isolatedPorts.set),
						...matchSet([loadInterface("oifname")], isolatedPorts.set),
						drop,
					]),
				],
			},
		],
	};
}

const drop = { kind: "verdict", verdict: "drop" } as const;
const accept = { kind: "verdict", verdict: "accept" } as const;
const pair = [loadInterface("iifname"), loadInterface("oifname")] as const;

function acceptRules(family: Family): readonly RuleLayout[] {
	const { set } = acceptedSets[family];
	const ip = family === 4 ? "ip" : "ip6";
	const to = [...matchFamily(family), ...matchSet([loadAddress(family, "daddr")], set)];
	const from = [...matchFamily(family), ...matchSet([loadAddress(family, "saddr")], set)];
	return [
		rule(`${ip} daddr @${set} ct state established,related accept`, [...to, ...matchAnswer, accept]),
		rule(`${ip} daddr @${set} ct status dnat accept`, [...to, ...matchDestinationNat, accept]),
		rule(`${ip} saddr @${set} accept`, [...from, accept]),
	];
}

function rule(words: string, expressions: readonly Expression[]): RuleLayout {
	return { words, expressions };
}

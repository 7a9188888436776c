import { bitsOf, type Family, type IpPrefix } from "../../ip/address.ts";
import type { Hook } from "../../netlink/nftables/chain.ts";
import type { DataType } from "../../netlink/nftables/data-type.ts";
import type { Expression } from "../../netlink/nftables/expression.ts";
import {
	concatenated,
	loadAddress,
	loadPort,
	loadProtocol,
	matchAddress,
	matchDestinationNat,
	matchFamily,
	matchInputInterface,
	matchLocalDestination,
} from "../../netlink/nftables/match.ts";
import type { NewSet } from "../../netlink/nftables/set.ts";

/*
 * Port maps in nf_tables. One is an element of a map, found by hash: neither adding one nor a packet's way depends on
 * how many there are. Elements carry the attachment's tag as their comment.
 *
 *     table inet cni_suite {
 *         map ports4 {                  # and ports6: a port of one address of the host
 *             type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
 *             elements = { 192.0.2.1 . tcp . 8080 comment "<tag>" : 10.1.2.3 . 80 }
 *         }
 *         map any_ports4 {              # and any_ports6: a port of all addresses of the host
 *             type inet_proto . inet_service : ipv4_addr . inet_service
 *         }
 *         map conditional_ports4 { … : verdict }       # the same four for attachments with conditions:
 *         map any_conditional_ports4 { … : verdict }   # elements jump to the attachment's own chain
 *         set port_addresses4 { type ipv4_addr }       # every host address that ports4 ever had a key of
 *         set masquerade4_24 { type ipv4_addr . ipv4_addr; elements = { 10.1.2.0 . 10.1.2.3 comment "<tag>" } }
 *         chain port_maps4 {
 *             ip daddr . meta l4proto . th dport vmap @conditional_ports4
 *             dnat ip to ip daddr . meta l4proto . th dport map @ports4
 *             meta l4proto . th dport vmap @any_conditional_ports4
 *             dnat ip to meta l4proto . th dport map @any_ports4
 *         }
 *         chain ports_prerouting {
 *             type nat hook prerouting priority dstnat
 *             meta nfproto ipv4 fib daddr type local jump port_maps4
 *             meta nfproto ipv6 fib daddr type local jump port_maps6
 *         }
 *         chain ports_output {
 *             type nat hook output priority -100
 *             ip6 daddr ::1 return
 *             (as in ports_prerouting)
 *         }
 *         chain ports_postrouting {
 *             type nat hook postrouting priority srcnat
 *             ct status dnat jump port_masquerade
 *         }
 *         chain port_masquerade {       # one rule for each length of a network's prefix
 *             ip saddr & 255.255.255.0 . ip daddr @masquerade4_24 masquerade
 *         }
 *         chain localhost_guard {
 *             type filter hook prerouting priority raw
 *             iifname != "lo" ip daddr 127.0.0.0/8 drop
 *             iifname != "lo" ip saddr 127.0.0.0/8 drop
 *         }
 *         chain conditions_<hash>-<hash> {
 *             <conditions> th dport 8080 dnat to 10.1.2.3:80
 *         }
 *     }
 *
 * localhost_guard: localhost reaches containers only with route_localnet on the container's side, and that would let
 * containers reach what listens on the host's 127.0.0.1. Answers carry the host's address here, and pass.
 */
export const table = { family: "inet", table: "cni_suite" } as const;

export const tableComment = "Port maps and accepted traffic of containers, by the plugins of CNI suite";

const addressTypes = { 4: "ipv4_addr", 6: "ipv6_addr" } as const satisfies Record<Family, DataType>;
const families = [4, 6] as const;

/** The map that a port is in. */
export function portSet(family: Family, { any, conditional }: { any: boolean; conditional: boolean }): string {
	return `${any ? "any_" : ""}${conditional ? "conditional_" : ""}ports${family}`;
}

/** The set of host addresses that ports are, or were, mapped at. */
export function addressSet(family: Family): string {
	return `port_addresses${family}`;
}

/** Networks of one size: they share a set, and a rule that looks into it. */
export interface NetworkSize {
	readonly family: Family;
	/** Of the prefix, bits. */
	readonly length: number;
}

/** The set of containers, each with a network that is masqueraded on its way to it. */
export function masqueradeSet({ family, length }: NetworkSize): string {
	return `masquerade${family}_${length}`;
}

/** The inverse of {@link masqueradeSet}; undefined for other names. */
export function parseMasqueradeSet(name: string): NetworkSize | undefined {
	const match = /^masquerade([46])_(\d+)$/.exec(name);
	return match === null ? undefined : { family: match[1] === "4" ? 4 : 6, length: Number(match[2]) };
}

/** The chain of an attachment with conditions. */
export function conditionsChain(attachmentPrefix: string): string {
	return `${conditionsChainPrefix}${attachmentPrefix}`;
}

export const conditionsChainPrefix = "conditions_";

/** The sets that are there from the first port map on. */
export function baseSets(): readonly NewSet[] {
	return families.flatMap((family): readonly NewSet[] => {
		const address = addressTypes[family];
		const ports = [false, true].flatMap((any) =>
			[false, true].map((conditional): NewSet => {
				const key: readonly DataType[] = any ? ["inet_proto", "inet_service"] : [address, "inet_proto", "inet_service"];
				return {
					...table,
					set: portSet(family, { any, conditional }),
					key,
					value: conditional ? "verdict" : [address, "inet_service"],
				};
			}),
		);
		return [...ports, { ...table, set: addressSet(family), key: [address] }];
	});
}

/** The set for networks of a length. */
export function newMasqueradeSet(size: NetworkSize): NewSet {
	const { family, length } = size;
	const address = addressTypes[family];
	return { ...table, set: masqueradeSet(size), key: length === 0 ? [address] : [address, address] };
}

export interface BaseRule {
	/** For messages. */
	readonly name: string;
	readonly expressions: readonly Expression[];
	/** The base chain that it jumps to. */
	readonly target?: string;
}

/** A chain, and the rules in it. */
export interface BaseChain {
	readonly chain: string;
	readonly hook?: Hook;
	readonly rules: readonly BaseRule[];
}

/** The chains that are there from the first port map on, those that are jumped to first. */
export function baseChains(): readonly BaseChain[] {
	const toMaps = families.map((family) => ({
		name: `fib daddr type local jump port_maps${family}`,
		target: `port_maps${family}`,
		expressions: [
			...matchFamily(family),
			...matchLocalDestination,
			{ kind: "verdict", verdict: "jump", chain: `port_maps${family}` } as const,
		],
	}));
	return [
		...families.map((family) => ({ chain: `port_maps${family}`, rules: mapRules(family) })),
		{ chain: masqueradeChain, rules: [] },
		{
			chain: "ports_prerouting",
			hook: { type: "nat", hook: "prerouting", priority: -100 },
			rules: toMaps,
		},
		{
			chain: "ports_output",
			hook: { type: "nat", hook: "output", priority: -100 },
			rules: [{ name: "ip6 daddr ::1 return", expressions: returnLocalhost6() }, ...toMaps],
		},
		{
			chain: "ports_postrouting",
			hook: { type: "nat", hook: "postrouting", priority: 100 },
			rules: [
				{
					name: `ct status dnat jump ${masqueradeChain}`,
					target: masqueradeChain,
					expressions: [...matchDestinationNat, { kind: "verdict", verdict: "jump", chain: masqueradeChain }],
				},
			],
		},
		{
			chain: "localhost_guard",
			hook: { type: "filter", hook: "prerouting", priority: -300 },
			rules: (["daddr", "saddr"] as const).map((field) => ({
				name: `iifname != "lo" ip ${field} 127.0.0.0/8 drop`,
				expressions: [
					...matchInputInterface("lo", "!="),
					...matchFamily(4),
					...matchAddress(field, { operator: "==", prefix: localhost4 }),
					{ kind: "verdict", verdict: "drop" } as const,
				],
			})),
		},
	];
}

export const masqueradeChain = "port_masquerade";

/** Where localhost connections come from. */
export const localhost4: IpPrefix = { address: { family: 4, value: 127n << 24n }, length: 8 };

/** The rule that looks into a set of {@link masqueradeSet}. */
export function masqueradeRule(size: NetworkSize): BaseRule {
	const { family, length } = size;
	const set = masqueradeSet(size);
	const fields =
		length === 0
			? [loadAddress(family, "daddr")]
			: [loadAddress(family, "saddr", { length }), loadAddress(family, "daddr")];
	return {
		name: `@${set} masquerade`,
		expressions: [
			...matchFamily(family),
			...concatenated(fields),
			{ kind: "lookup", set, result: "none" },
			{ kind: "masquerade" },
		],
	};
}

function mapRules(family: Family): readonly BaseRule[] {
	return [false, true].flatMap((any) =>
		[true, false].map((conditional) => {
			const set = portSet(family, { any, conditional });
			const fields = [...(any ? [] : [loadAddress(family, "daddr")]), loadProtocol, loadPort];
			return {
				name: conditional ? `vmap @${set}` : `dnat to map @${set}`,
				expressions: [
					...(any ? [] : matchFamily(family)),
					...concatenated(fields),
					{ kind: "lookup", set, result: conditional ? "verdict" : "value" } as const,
					...(conditional ? [] : [{ kind: "dnat", family, portAt: bitsOf(family) / 8 } as const]),
				],
			};
		}),
	);
}

/** Nobody can answer from outside to ::1, which has no counterpart of route_localnet. */
function returnLocalhost6(): readonly Expression[] {
	const prefix = { address: { family: 6, value: 1n }, length: 128 } as const;
	return [
		...matchFamily(6),
		...matchAddress("daddr", { operator: "==", prefix }),
		{ kind: "verdict", verdict: "return" },
	];
}

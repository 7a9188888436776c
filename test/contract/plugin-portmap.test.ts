import { attachByHand } from "../support/chained.ts";
import { attemptIn, type Namespace } from "../support/namespace.ts";
import { keptByPortMaps, type World } from "../support/world.ts";
import { type Mutation, pluginContract } from "./plugin.ts";

const portMappings = [
	{ hostPort: 8080, containerPort: 80, protocol: "tcp" },
	{ hostPort: 8081, containerPort: 81, protocol: "udp", hostIP: "192.0.2.1" },
	{ hostPort: 8082, containerPort: 82, protocol: "sctp", hostIP: "2001:db8::1" },
];

/** The containers of a test hold the same ports; the second of GC's gets another host address. */
const prevResult = (world: World, container: Namespace) =>
	attachByHand(world, container, { number: 2 + (Number(/\d+$/.exec(container.name)?.[0] ?? 0) % 200) });

/** What made the interface is no plugin here, and stays. */
const kept = [/^\+ (link|address|route|qdisc|vlan|neighbour) /, ...keptByPortMaps];

const element = (set: string, key: string) => `nft delete element inet cni_suite ${set} { ${key} }`;

const inNftables: readonly Mutation[] = [
	{
		what: "the ruleset is flushed",
		change: ({ host }) => host("nft flush ruleset"),
		named: /table "inet cni_suite".*missing; .*cnictl firewall reload/,
	},
	...(
		[
			[element("any_ports4", "tcp . 8080"), /element for tcp port 8080 of "any_ports4"/],
			[element("any_ports6", "tcp . 8080"), /element for tcp port 8080 of "any_ports6"/],
			[element("ports4", "192.0.2.1 . udp . 8081"), /element for udp port 8081 of 192\.0\.2\.1 of "ports4"/],
			[element("ports6", "2001:db8::1 . sctp . 8082"), /element for sctp port 8082 of 2001:db8::1 of "ports6"/],
			["nft flush set inet cni_suite masquerade4_24", /element for 10\.50\.0\.\d+ of "masquerade4_24"/],
			["nft flush set inet cni_suite masquerade4_8", /element for 10\.50\.0\.\d+ of "masquerade4_8"/],
			["nft flush set inet cni_suite masquerade6_64", /element for fd50::\w+ of "masquerade6_64"/],
			["nft flush chain inet cni_suite port_maps4", /rule "dnat to map @ports4" in chain "port_maps4"/],
			["nft flush chain inet cni_suite port_maps6", /rule "vmap @any_conditional_ports6" in chain "port_maps6"/],
			["nft flush chain inet cni_suite port_masquerade", /rule "@masquerade4_24 masquerade"/],
			["nft flush chain inet cni_suite ports_prerouting", /jump port_maps4" in chain "ports_prerouting"/],
			["nft flush chain inet cni_suite ports_output", /rule "ip6 daddr ::1 return" in chain "ports_output"/],
			["nft flush chain inet cni_suite ports_postrouting", /rule "ct status dnat jump port_masquerade"/],
			["nft flush chain inet cni_suite localhost_guard", /ip daddr 127\.0\.0\.0\/8 drop/],
			["nft delete chain inet cni_suite ports_output", /chain "ports_output"/],
		] as const
	).map(([command, named]) => ({
		what: `somebody has said: ${command}`,
		change: ({ world }: { world: World }) => {
			attemptIn(world.host, ["sh", "-c", command.replaceAll(/[{}]/g, "'$&'").replace("delete chain", "flush chain")]);
			if (command.includes("delete chain")) attemptIn(world.host, ["sh", "-c", command]);
		},
		named,
	})),
	{
		what: "localhost may not leave the host any more",
		change: ({ host }) => host("sysctl -qw net.ipv4.conf.cst-chained.route_localnet=0"),
		named: /sysctl net\/ipv4\/conf\/cst-chained\/route_localnet=1 missing/,
	},
];

const inIptables: readonly Mutation[] = [
	{
		what: "the ruleset is flushed",
		change: ({ host }) => host("nft flush ruleset"),
		named: /chain "CNI-HOSTPORT-DNAT".*missing; .*cnictl firewall reload/,
	},
	{
		what: "the jumps are gone",
		change: ({ host }) => host("iptables -t nat -F CNI-HOSTPORT-DNAT"),
		named: /rule "-p tcp .*--dports 8080 -j CNI-DN-\w+" in chain "CNI-HOSTPORT-DNAT" of iptables table "nat" \(IPv4\)/,
	},
	{
		what: "nothing leads to them",
		change: ({ host }) => host("iptables -t nat -F PREROUTING"),
		named: /rule "-m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT" in chain "PREROUTING"/,
	},
	{
		what: "nothing is masqueraded",
		change: ({ host }) => host("ip6tables -t nat -F POSTROUTING"),
		named: /rule "-m comment .*-j CNI-HOSTPORT-MASQ" in chain "POSTROUTING" of iptables table "nat" \(IPv6\)/,
	},
];

const failures = [
	{
		what: "a port is none",
		arrange: () => ({ runtimeConfig: { portMappings: [{ hostPort: 0, containerPort: 80, protocol: "tcp" }] } }),
	},
	{ what: "the backend is unknown", arrange: () => ({ backend: "ipfw" }) },
	{ what: "no plugin came before", arrange: () => ({ prevResult: null }) },
];

pluginContract({
	type: "portmap",
	config: () => ({ runtimeConfig: { portMappings } }),
	prevResult,
	hasAddress: true,
	repeatable: true,
	mutations: inNftables,
	failures,
	kept,
	perContainer: (containerId) => ({
		runtimeConfig: {
			portMappings: portMappings.map((mapping) => ({
				...mapping,
				hostPort: mapping.hostPort + (containerId === "two" ? 100 : 0),
			})),
		},
	}),
});

pluginContract({
	type: "portmap",
	title: "iptables",
	config: () => ({ backend: "iptables", runtimeConfig: { portMappings } }),
	prevResult,
	hasAddress: true,
	repeatable: true,
	mutations: inIptables,
	failures,
	kept,
	perContainer: (containerId) => ({
		runtimeConfig: {
			portMappings: portMappings.map((mapping) => ({
				...mapping,
				hostPort: mapping.hostPort + (containerId === "two" ? 100 : 0),
			})),
		},
	}),
});

pluginContract({
	type: "portmap",
	title: "without mappings",
	config: () => ({}),
	prevResult,
	hasAddress: true,
	repeatable: true,
	kept,
});

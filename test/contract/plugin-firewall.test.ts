import { attemptIn, type Namespace } from "../support/namespace.ts";
import { keptByFirewall, type World } from "../support/world.ts";
import { type Mutation, pluginContract } from "./plugin.ts";

/**
 * A container of the plugin bridge, as its result tells; each has addresses of its own. In the forms of all versions at
 * once: every decoder reads what it knows.
 */
function prevResult(_: World, { name, path }: Namespace) {
	const n = 2 + Number(name.split("-").at(-1) ?? 0);
	const addresses = [`10.77.${n >> 8}.${n & 255}/16`, `fd77::${n}/64`];
	return {
		interfaces: [{ name: "cst-br0" }, { name: `veth${n}` }, { name: "eth0", sandbox: path }],
		ips: addresses.map((address) => ({ interface: 2, address, version: address.includes(":") ? "6" : "4" })),
		ip4: { ip: addresses[0] },
		ip6: { ip: addresses[1] },
	};
}

const address = (text: string | undefined) => text?.split("/")[0] ?? "";

const badInput = [
	{ what: "the ingress policy is unknown", arrange: () => ({ ingressPolicy: "closed" }) },
	{
		what: "the ingress policy needs a bridge",
		arrange: () => ({ ingressPolicy: "isolated", prevResult: noInterface }),
	},
	{ what: "there is no prevResult", arrange: () => ({ prevResult: null }) },
	{ what: "the admin chain is no name", arrange: () => ({ iptablesAdminChainName: "A B; -F" }) },
	{ what: "the admin chain is one of ours", arrange: () => ({ iptablesAdminChainName: "CNI-FORWARD" }) },
	{ what: "the admin chain has too long a name", arrange: () => ({ iptablesAdminChainName: "A".repeat(29) }) },
];
const noInterface = { ips: [{ address: "10.77.0.99/24" }] };

const elements: readonly Mutation[] = [
	{
		what: "the table is gone",
		change: ({ host }) => host("nft delete table inet cni_suite"),
		named: /table "inet cni_suite" missing|table "inet cni_suite";/,
	},
	{
		what: "the IPv4 address is not accepted any more",
		change: ({ host, result }) =>
			host(`nft delete element inet cni_suite forward4 { ${address(result.ips?.[0]?.address)} }`),
		named: /: address 10\.77\.\d+\.\d+ in set "forward4" of table "inet cni_suite" missing;/,
	},
	{
		what: "the IPv6 address is not accepted any more",
		change: ({ host, result }) =>
			host(`nft delete element inet cni_suite forward6 { ${address(result.ips?.[1]?.address)} }`),
		named: /: address fd77::\w+ in set "forward6" of table "inet cni_suite" missing;/,
	},
	{
		what: "somebody has flushed the chain",
		change: ({ host }) => host("nft flush chain inet cni_suite forward"),
		named: /rule "ip saddr @forward4 accept" in chain "forward" of table "inet cni_suite"/,
	},
];

pluginContract({
	type: "firewall",
	title: "nothing configured, on a host that filters nothing",
	config: () => ({}),
	prevResult,
	hasAddress: true,
	repeatable: true,
	mutations: elements,
	failures: badInput,
	kept: keptByFirewall,
});

/** A policy needs the result's interfaces, which 0.1.0 and 0.2.0 have not. */
const minimumVersion = "0.3.0";

pluginContract({
	type: "firewall",
	title: "isolated, through nftables",
	config: () => ({ backend: "nftables", ingressPolicy: "isolated" }),
	prevResult,
	hasAddress: true,
	minimumVersion,
	repeatable: true,
	mutations: [
		...elements,
		{
			what: "the bridge is not isolated any more",
			change: ({ host }) => host("nft delete element inet cni_suite policy_bridges { cst-br0 }"),
			named: /: bridge "cst-br0" in set "policy_bridges" of table "inet cni_suite" missing;/,
		},
		{
			what: "the port is not isolated any more",
			change: ({ host, result }) =>
				host(`nft delete element bridge cni_suite isolated_ports { ${result.interfaces?.[1]?.name} }`),
			named: /: port "veth\d+" in set "isolated_ports" of table "bridge cni_suite" missing;/,
		},
	],
	failures: badInput,
	kept: keptByFirewall,
});

pluginContract({
	type: "firewall",
	title: "same-bridge, through iptables, with an admin chain",
	config: () => ({ backend: "iptables", ingressPolicy: "same-bridge", iptablesAdminChainName: "MY-RULES" }),
	prevResult,
	hasAddress: true,
	minimumVersion,
	repeatable: true,
	mutations: [
		{
			what: "the jump is gone",
			change: ({ host }) => host("iptables -D FORWARD 2"),
			named: /: rule "-j CNI-FORWARD" in chain "FORWARD" of iptables table "filter" missing;/,
		},
		{
			what: "the admin chain is not asked any more",
			change: ({ host }) => host("ip6tables -D CNI-FORWARD 1"),
			named: /: rule "-j MY-RULES" in chain "CNI-FORWARD" of ip6tables table "filter" missing;/,
		},
		{
			what: "the address is not accepted any more",
			change: ({ host, result }) => host(`iptables -D CNI-FORWARD -s ${address(result.ips?.[0]?.address)} -j ACCEPT`),
			named: /: rule "-s 10\.77\.\d+\.\d+\/32 -j ACCEPT" in chain "CNI-FORWARD" of iptables table "filter" missing;/,
		},
		{
			what: "the bridge is not isolated any more",
			change: ({ host }) => host("iptables -F CNI-ISOLATION-STAGE-2"),
			named: /rule "-o cst-br0 -j DROP" in chain "CNI-ISOLATION-STAGE-2" of iptables table "filter"/,
		},
	],
	failures: [
		...badInput,
		{
			what: "the bridge has a name that iptables would take for many",
			arrange: () => ({ prevResult: { interfaces: [{ name: "br+" }], ips: [{ address: "10.77.0.99/24" }] } }),
		},
		{
			what: "ip6tables refuses, when iptables has done its part",
			arrange({ host }) {
				attemptIn(host, ["ip6tables", "-F", "CNI-FORWARD"]);
				// The jump from there to here would make a loop.
				attemptIn(host, ["ip6tables", "-A", "MY-RULES", "-j", "CNI-FORWARD"]);
				return {};
			},
		},
	],
	kept: keptByFirewall,
});

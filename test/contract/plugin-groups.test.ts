import { attachByHand } from "../support/chained.ts";
import { groupsBase } from "../support/groups-base.ts";
import { type Namespace, runIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { type Mutation, pluginContract } from "./plugin.ts";

/** Each container of a test has other addresses. */
const prevResult = (world: World, container: Namespace) =>
	attachByHand(world, container, { number: 2 + (Number(/\d+$/.exec(container.name)?.[0] ?? 0) % 200) });

/** What made the interface is no plugin here, and stays. */
const kept = [...groupsBase, /^[+-] (link|address|route|qdisc|neighbour|sysctl) /];

/** Deletes the first element of a set, or all of them. */
function deleteElement(set: string, key: string): Mutation["change"] {
	return ({ host }) => host(`nft delete element ${set} { ${key} }`);
}

const address = (attached: Parameters<Mutation["change"]>[0]) =>
	attached.result.ips?.[0]?.address.replace(/\/.*/, "") ?? "";
/** The host's end of the container's interface. */
const port = ({ world }: Parameters<Mutation["change"]>[0]) =>
	/"ifname": ?"(cst-p\d+)"/.exec(runIn(world.host, ["ip", "-j", "link", "show", "type", "veth"]))?.[1] ?? "";

const mutations: readonly Mutation[] = [
	{
		what: "the bridge table is gone",
		change: ({ host }) => host("nft delete table bridge cni_groups"),
		named: /table "bridge cni_groups"; .*missing/,
	},
	{
		what: "the inet table is gone",
		change: ({ host }) => host("nft delete table inet cni_groups"),
		named: /table "inet cni_groups"; .*missing/,
	},
	{
		what: "a chain was flushed",
		change: ({ host }) => host("nft flush chain bridge cni_groups unproven"),
		named:
			/network "contract": rule "arp … .*" in chain "unproven" of table "bridge cni_groups"; rule "drop" in .*missing;/,
	},
	{
		what: "a chain for what is routed was flushed",
		change: ({ host }) => host("nft flush chain inet cni_groups to_container"),
		named: /rule "drop" in chain "to_container" of table "inet cni_groups"/,
	},
	{
		what: "its port is no longer known",
		change: (attached) => deleteElement("bridge cni_groups ports", `"${port(attached)}"`)(attached),
		named: /network "contract": port "cst-p\d+" \(element of "ports" in table "bridge cni_groups"\) missing;/,
	},
	{
		what: "its address is no longer known",
		change: (attached) => deleteElement("inet cni_groups addresses4", address(attached))(attached),
		named: /network "contract": address 10\.50\.\S+ \(element of "addresses4" in table "inet cni_groups"\) missing;/,
	},
	{
		what: "its class was taken away",
		change: (attached) => deleteElement("bridge cni_groups classes", `"${port(attached)}"`)(attached),
		named:
			/network "contract": class of port "cst-p\d+" \(element of "classes" in table "bridge cni_groups"\) missing;/,
	},
	{
		what: "its class was taken away, for what is routed",
		change: ({ host }) => host("nft flush map inet cni_groups classes"),
		named:
			/network "contract": class of \S+ at "cst-chained" \(element of "classes" in table "inet cni_groups"\) missing;/,
	},
	{
		what: "its group was emptied",
		change({ host, world }) {
			const sets = runIn(world.host, ["nft", "list", "sets", "inet"]).match(/group4_[0-9a-f]+/g) ?? [];
			for (const set of sets) host(`nft flush set inet cni_groups ${set}`);
		},
		named:
			/network "contract": group "web" of 10\.50\.\S+ \(element of "group4_[0-9a-f]+" in table "inet cni_groups"\); group "√\\"x" of 10/,
	},
	{
		what: "the bridge is no longer known",
		change: deleteElement("inet cni_groups bridges", '"cst-chained"'),
		named: /network "contract": bridge "cst-chained" \(element of "bridges" in table "inet cni_groups"\) missing;/,
	},
	{
		what: "the container has another hardware address",
		change: ({ inside }) => inside("ip link set eth0 address 02:00:00:00:00:01"),
		named: /source 02:00:00:00:00:01 10\.50\.\S+ of port "cst-p\d+" \(element of "sources4"/,
	},
];

pluginContract({
	type: "groups",
	config: () => ({ groups: ["web", '√"x'] }),
	prevResult,
	hasAddress: true,
	repeatable: true,
	mutations,
	kept,
	failures: [
		{ what: "a group has no name", arrange: () => ({ groups: [""] }) },
		{ what: "a group from the runtime has no name", arrange: () => ({ args: { cni: { groups: [""] } } }) },
		{ what: "a group's name is no Unicode", arrange: () => ({ groups: ["\ud800"] }) },
		{ what: "there are too many groups", arrange: () => ({ groups: Array.from({ length: 33 }, (_, i) => `g${i}`) }) },
		{ what: "default is unknown", arrange: () => ({ default: "ajar" }) },
		{ what: "hostPorts is unknown", arrange: () => ({ hostPorts: "ajar" }) },
		{ what: "outside is unknown", arrange: () => ({ outside: "ajar" }) },
		{ what: "it is not chained", arrange: () => ({ prevResult: undefined }) },
		{
			what: "the interface has no address",
			arrange: (world, container) => ({ prevResult: { ...prevResult(world, container), ips: [] } }),
		},
	],
});

pluginContract({
	type: "groups",
	title: "without groups, default closed",
	config: () => ({ default: "closed", hostPorts: "closed", outside: "closed" }),
	prevResult,
	hasAddress: true,
	repeatable: true,
	kept,
});

import { createHash } from "node:crypto";
import { attemptIn, type Namespace, runIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { type Attached, type Failure, type Mutation, pluginContract } from "./plugin.ts";

const limits = { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 4_000_000, egressBurst: 400_000 };

/** The host's end of the container's pair, which is made where it is missing. */
function hostEnd({ host }: World, container: Namespace): string {
	const name = `cst-${container.name.slice(-10)}`;
	if (attemptIn(host, ["ip", "link", "show", name]).exitCode !== 0 && attemptIn(container, ["true"]).exitCode === 0) {
		runIn(host, ["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", container.name]);
		runIn(host, ["ip", "link", "set", name, "up"]);
		runIn(container, ["ip", "link", "set", "eth0", "up"]);
	}
	return name;
}

/** In the form of every version. */
const prevResult = (world: World, container: Namespace) => ({
	interfaces: [{ name: hostEnd(world, container) }, { name: "eth0", sandbox: container.path }],
	ips: [{ address: "10.9.0.2/24", version: "4", interface: 1 }],
	ip4: { ip: "10.9.0.2/24" },
});

const veth = ({ result }: Attached) => result.interfaces?.[0]?.name ?? "";
const ifb = ({ result }: Attached) => result.interfaces?.find(({ name }) => name.startsWith("bwp"))?.name ?? "";

const ingress: readonly Mutation[] = [
	{
		what: "the limit towards the container is gone",
		change: (attached) => attached.host(`tc qdisc del dev ${veth(attached)} root`),
		named: /Failed to find qdisc; Interface cst-\S+ must have a token bucket filter \(tbf\), and has none/,
	},
	{
		what: "there is another discipline in the limit's place",
		change: (attached) => attached.host(`tc qdisc replace dev ${veth(attached)} root handle 2: bfifo limit 10000`),
		named: /Failed to find qdisc; Interface cst-\S+ must .* and has one of kind "bfifo"/,
	},
	{
		what: "the rate towards the container is another",
		change: (attached) =>
			attached.host(`tc qdisc change dev ${veth(attached)} root handle 1: tbf rate 9mbit burst 100000 limit 125000`),
		named: /Rate doesn't match; Interface cst-\S+ has 1125000 bytes\/s, and the configuration means 1000000/,
	},
	{
		what: "the burst towards the container is another",
		change: (attached) =>
			attached.host(`tc qdisc change dev ${veth(attached)} root handle 1: tbf rate 8mbit burst 50000 limit 125000`),
		named: /Buffer doesn't match/,
	},
	{
		what: "the queue towards the container is another",
		change: (attached) =>
			attached.host(`tc qdisc change dev ${veth(attached)} root handle 1: tbf rate 8mbit burst 100000 limit 100000`),
		named: /Limit doesn't match; .* has 100000 bytes, and the configuration means 125000/,
	},
];

const egress: readonly Mutation[] = [
	{
		what: "the ifb device is gone",
		change: (attached) => attached.host(`ip link del ${ifb(attached)}`),
		named: /get ifb device: Link not found; It had one of the names bwp/,
	},
	{
		what: "the ifb device is down",
		change: (attached) => attached.host(`ip link set ${ifb(attached)} down`),
		named: /Interface bwp\S+ is down; .*ip link set bwp\S+ up/,
	},
	{
		what: "the limit from the container is gone",
		change: (attached) => attached.host(`tc qdisc del dev ${ifb(attached)} root`),
		named: /Failed to find qdisc; Interface bwp/,
	},
	{
		what: "the rate from the container is another",
		change: (attached) =>
			attached.host(`tc qdisc change dev ${ifb(attached)} root handle 1: tbf rate 5mbit burst 50000 limit 62500`),
		named: /Rate doesn't match; Interface bwp/,
	},
	{
		what: "the redirection is gone",
		change: (attached) => attached.host(`tc filter del dev ${veth(attached)} parent ffff: prio 1`),
		named: /Failed to find the filter that redirects from cst-\S+ to bwp/,
	},
	{
		what: "the ingress discipline is gone",
		change: (attached) => attached.host(`tc qdisc del dev ${veth(attached)} ingress`),
		named: /Failed to find the filter that redirects/,
	},
	{
		what: "there is another filter beside the redirection",
		change: (attached) =>
			attached.host(`tc filter add dev ${veth(attached)} parent ffff: protocol ip prio 5 u32 match u32 0 0 flowid 1:2`),
		named: /Failed to find the filter that redirects/,
	},
];

const failures: readonly Failure[] = [
	{ what: "a rate lacks a burst", arrange: () => ({ ingressBurst: 0 }) },
	{ what: "it is not called behind another plugin", arrange: () => ({ prevResult: null }) },
	{
		what: "the result before names no interfaces",
		arrange: () => ({ prevResult: { cniVersion: "1.1.0", ips: [{ address: "10.9.0.2/24" }] } }),
	},
	{
		what: "the result before names another interface of the host",
		arrange: (_, { path }) => ({
			prevResult: { cniVersion: "1.1.0", interfaces: [{ name: "other" }, { name: "eth0", sandbox: path }] },
		}),
	},
	{
		what: "another program has set the root discipline",
		arrange(world, container) {
			const discipline = ["root", "handle", "2:", "bfifo", "limit", "10000"];
			runIn(world.host, ["tc", "qdisc", "add", "dev", hostEnd(world, container), ...discipline]);
			return {};
		},
	},
	{
		what: "another program has set filters",
		arrange(world, container) {
			const dev = hostEnd(world, container);
			runIn(world.host, ["tc", "qdisc", "add", "dev", dev, "handle", "ffff:", "ingress"]);
			const match = "protocol ip prio 5 u32 match u32 0 0 flowid 1:2".split(" ");
			runIn(world.host, ["tc", "filter", "add", "dev", dev, "parent", "ffff:", ...match]);
			return {};
		},
	},
	{
		what: "both names of the ifb device are taken",
		arrange({ host }) {
			const [one, two] = ["contractcontainer-1", "contractcontainer-1/eth0"].map(ifbName);
			runIn(host, ["ip", "link", "add", one ?? "", "type", "veth", "peer", "name", two ?? ""]);
			return {};
		},
	},
];

function ifbName(hashed: string): string {
	return `bwp${createHash("sha512").update(hashed).digest("hex")}`.slice(0, 15);
}

/** The test's own pairs, which nobody deletes: without their namespace and an alias, they keep what is on them. */
const pairs = [/^[+-] (link|address|route|qdisc) .*cst-/];

pluginContract({
	type: "bandwidth",
	title: "both directions",
	config: () => limits,
	prevResult,
	hasAddress: true,
	repeatable: true,
	mutations: [...ingress, ...egress],
	failures,
	kept: pairs,
});

pluginContract({
	type: "bandwidth",
	title: "what the container receives alone, as the runtime asks",
	config: () => ({ runtimeConfig: { bandwidth: { ingressRate: 8_000_000, ingressBurst: 800_000 } } }),
	prevResult,
	hasAddress: true,
	repeatable: true,
	mutations: ingress,
	kept: pairs,
});

pluginContract({
	type: "bandwidth",
	title: "no limit",
	config: () => ({}),
	prevResult,
	hasAddress: true,
	repeatable: true,
	failures: [{ what: "it is not called behind another plugin", arrange: () => ({ prevResult: null }) }],
	kept: pairs,
});

import { attemptIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { type Failure, type Mutation, pluginContract } from "./plugin.ts";

const delegate = ({ dataDir }: World, changes: object = {}) => ({
	type: "bridge",
	bridge: "cst-mapper",
	isDefaultGateway: true,
	ipam: { type: "host-local", dataDir, ranges: [[{ subnet: "10.22.0.0/24" }], [{ subnet: "fd22::/64" }]] },
	...changes,
});

/** Each container has ports of its own, which the contract's second container would want too: it has none. */
const args = (port_mappings: object[]) => ({
	"org.apache.mesos": { network_info: { name: "contract", port_mappings } },
});

const mappings = [
	{ host_port: 18080, container_port: 80 },
	{ host_port: 15353, container_port: 53, protocol: "UDP" },
];

/** As the reference leaves them, and ours: bases that all attachments share. */
const bases: readonly RegExp[] = [
	/^\+ nft (table|chain|set|map) inet cni_suite /,
	/^\+ nft rule inet cni_suite (port|ports|port_maps|localhost)/,
];

const mutations: readonly Mutation[] = [
	{
		what: "the container's address is gone",
		change: ({ inside, result }) => inside(`ip address del ${result.ips?.[0]?.address} dev eth0`),
		named: /^The delegate plugin 'bridge' failed: .*10\.22\.0\.2/,
	},
];

const failures: readonly Failure[] = [
	{
		what: "the container has an interface of that name",
		arrange(_, container) {
			attemptIn(container, ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other"]);
			return {};
		},
	},
	{ what: "there is no chain", arrange: () => ({ chain: undefined }) },
	{ what: "the chain has an impossible name", arrange: () => ({ chain: "A B" }) },
	{ what: "an excluded device is a number", arrange: () => ({ excludeDevices: [1] }) },
	{ what: "there is no delegate", arrange: () => ({ delegate: undefined }) },
	{ what: "the delegate is nowhere", arrange: (world) => ({ delegate: delegate(world, { type: "no-such" }) }) },
	{ what: "the delegate is this plugin", arrange: () => ({ delegate: { type: "mesos-cni-port-mapper" } }) },
	{ what: "a port is impossible", arrange: () => ({ args: args([{ host_port: 70_000, container_port: 1 }]) }) },
	{
		what: "the delegate gives no address, and there are ports",
		arrange: (world) => ({ delegate: delegate(world, { ipam: undefined }), args: args(mappings) }),
	},
];

pluginContract({
	type: "mesos-cni-port-mapper",
	title: "without ports",
	config: (world) => ({ chain: "MESOS-CONTRACT", excludeDevices: ["docker0"], delegate: delegate(world) }),
	hasAddress: true,
	mutations,
	failures,
	kept: bases,
});

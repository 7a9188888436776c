import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attemptIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { type Mutation, pluginContract } from "./plugin.ts";

const bridge = "cst-chain";

/** Inside dataDir, whose leftovers are looked for. */
const stateDir = ({ dataDir }: World) => join(dataDir, ".state");

const firstMember = ({ dataDir }: World, changes: object = {}) => ({
	type: "bridge",
	bridge,
	isDefaultGateway: true,
	ipMasq: true,
	ipam: {
		type: "host-local",
		dataDir,
		ranges: [[{ subnet: "10.21.0.0/24" }], [{ subnet: "fd21::/64" }]],
	},
	...changes,
});

/** An executable beside ours: answers ADD with prevResult, the other commands with nothing, and does nothing. */
function foreignMember(world: World, { add = "cat" }: { add?: string } = {}): string {
	const path = join(world.directory, "foreign");
	const versions = JSON.stringify({ cniVersion: "1.1.0", supportedVersions: ["0.4.0", "1.0.0", "1.1.0"] });
	writeFileSync(
		path,
		`#!/bin/sh
case $CNI_COMMAND in
VERSION) echo '${versions}';;
ADD) ${add};;
esac
`,
	);
	chmodSync(path, 0o755);
	return path;
}

const mutations: readonly Mutation[] = [
	{
		what: "the container's interface is gone",
		change: ({ inside }) => inside("ip link del eth0"),
		named: /^plugin 1 \("bridge"\) of the chain: Cannot find container link eth0/,
	},
	{
		what: "the container's address is gone",
		change: ({ inside, result }) => inside(`ip address del ${result.ips?.[0]?.address} dev eth0`),
		named: /^plugin 1 \("bridge"\) of the chain: .*10\.21\.0\.2/,
	},
	{
		what: "the reservation is gone",
		change: ({ host, world }) => host(`rm ${world.dataDir}/contract/10.21.0.2`),
		named: /^plugin 1 \("bridge"\) of the chain: host-local: Failed to find address/,
	},
	{
		what: "the masquerade's table is gone",
		change: ({ host }) => host("nft delete table inet cni_plugins_masquerade"),
		named: /^plugin 1 \("bridge"\) of the chain: .*masq/i,
	},
];

pluginContract({
	type: "chain",
	title: "a bridge with addresses",
	config: (world) => ({ stateDir: stateDir(world), plugins: [firstMember(world)] }),
	hasAddress: true,
	mutations,
	failures: [
		{
			what: "the container has an interface of that name",
			arrange(_, container) {
				attemptIn(container, ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other"]);
				return {};
			},
		},
		{ what: "there are no plugins", arrange: () => ({ plugins: [] }) },
		{
			what: "a member does not exist",
			arrange: (world) => ({ plugins: [firstMember(world), { type: "no-such" }] }),
		},
		{
			what: "a member has no type",
			arrange: (world) => ({ plugins: [firstMember(world), { name: "x" }] }),
		},
		{
			what: "its last member refuses its configuration",
			arrange: (world) => ({ plugins: [firstMember(world), firstMember(world, { bridge: "a/b" })] }),
		},
		{
			what: "its result cannot be kept",
			arrange: (world) => ({ stateDir: foreignMember(world) }),
		},
		{
			what: "a chain is in the chain",
			arrange: (world) => ({ plugins: [firstMember(world), { type: "chain", plugins: [] }] }),
		},
		{
			what: "Mesos's data is not usable",
			arrange: () => ({
				args: { "org.apache.mesos": { network_info: { port_mappings: [{ host_port: 0, container_port: 1 }] } } },
			}),
		},
	],
});

pluginContract({
	type: "chain",
	title: "without an address",
	config: (world) => ({
		stateDir: stateDir(world),
		plugins: [{ type: "bridge", bridge, isolated: true }],
	}),
	hasAddress: false,
	mutations: mutations.slice(0, 1),
});

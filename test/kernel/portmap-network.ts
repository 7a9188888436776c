import { attachByHand } from "../support/chained.ts";
import { type Namespace, runIn } from "../support/namespace.ts";
import { systemPath } from "../support/paths.ts";
import { mustRunPlugin, type PluginCall } from "../support/run-plugin.ts";
import { createWorld, type World } from "../support/world.ts";
import { legacyPath } from "./firewall-driver.ts";

/** A host with a neighbour on its network, and containers on a bridge behind it. */
export interface PortmapNetwork {
	readonly world: World;
	/** Another machine: 192.0.2.9 and 2001:db8::9; the host is .1 and ::1. */
	readonly outside: Namespace;
}

export interface Backend {
	readonly name: string;
	readonly config: object;
	/** The PATH that the plugin sees. */
	path(world: World): string;
}

export const backends: readonly Backend[] = [
	{ name: "nftables", config: {}, path: () => systemPath },
	{ name: "iptables-nft", config: { backend: "iptables" }, path: () => systemPath },
	{ name: "iptables-legacy", config: { backend: "iptables" }, path: legacyPath },
];

export function createPortmapNetwork(): PortmapNetwork {
	const world = createWorld();
	const outside = world.container();
	for (const namespace of [world.host, outside]) {
		runIn(namespace, ["sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"]);
	}
	const script = [
		`ip link add out0 type veth peer name eth0 netns ${outside.name}`,
		"ip address add 192.0.2.1/24 dev out0",
		"ip address add 2001:db8::1/64 dev out0 nodad",
		"ip link set out0 up",
	].join("\n");
	runIn(world.host, ["sh", "-ec", script]);
	const there = [
		"ip address add 192.0.2.9/24 dev eth0",
		"ip address add 2001:db8::9/64 dev eth0 nodad",
		"ip link set eth0 up",
	].join("\n");
	runIn(outside, ["sh", "-ec", there]);
	return { world, outside };
}

export interface Container {
	readonly namespace: Namespace;
	readonly containerId: string;
	/** The last part of its addresses: 10.50.0.N and fd50::N. */
	readonly number: number;
	readonly result: Record<string, unknown>;
}

export function createContainer(world: World, number: number): Container {
	const namespace = world.container();
	return { namespace, containerId: `c${number}`, number, result: attachByHand(world, namespace, { number }) };
}

export interface Mapping {
	readonly hostPort: number;
	readonly containerPort: number;
	readonly protocol: string;
	readonly hostIP?: string;
}

/** A call of portmap for the container, all but the command. */
export function portmapCall(
	world: World,
	{
		container,
		mappings,
		backend,
		extra = {},
	}: {
		container: Container;
		mappings: readonly Mapping[];
		backend?: Backend;
		extra?: object;
	},
): Omit<PluginCall, "command"> & { config: object } {
	return {
		world,
		type: "portmap",
		netns: container.namespace,
		containerId: container.containerId,
		env: { PATH: backend?.path(world) ?? systemPath },
		config: {
			cniVersion: "1.1.0",
			name: "ports",
			type: "portmap",
			...backend?.config,
			...extra,
			runtimeConfig: { portMappings: mappings },
			prevResult: container.result,
		},
	};
}

export function addPorts(world: World, options: Parameters<typeof portmapCall>[1]): void {
	mustRunPlugin({ ...portmapCall(world, options), command: "ADD" });
}

export function deletePorts(world: World, options: Parameters<typeof portmapCall>[1]): void {
	mustRunPlugin({ ...portmapCall(world, options), command: "DEL" });
}

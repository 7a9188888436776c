import type { Namespace } from "../support/namespace.ts";
import { runIn } from "../support/namespace.ts";
import { mustRunPlugin, type PluginCall, type PluginOutcome, runPlugin } from "../support/run-plugin.ts";
import type { World } from "../support/world.ts";
import { type Config, hostLocal, type PrintedResult } from "./bridge-network.ts";

/** A list of bridge and firewall, as a runtime calls it. */
export interface FirewalledNetwork {
	readonly name: string;
	readonly bridge: string;
	/** One for each family. */
	readonly subnets: readonly string[];
	/** Keys of the plugin firewall. */
	readonly firewall: Config;
	/** Keys of the plugin bridge. */
	readonly bridgeKeys?: Config;
	readonly cniVersion?: string;
}

export interface FirewalledContainer {
	readonly namespace: Namespace;
	/** Without prefix length, IPv4 first. */
	readonly addresses: readonly string[];
	/** What bridge answered. */
	readonly result: PrintedResult;
	/** A verb of firewall. */
	run(command: string, changed?: Partial<PluginCall> & { readonly with?: Config }): PluginOutcome;
	/** DEL of the whole list. */
	remove(): void;
}

/** ADD of the whole list. `changed` is for the plugin firewall: another suite, another environment. */
export function attach(
	world: World,
	network: FirewalledNetwork,
	{ containerId, ...changed }: Partial<PluginCall> & { readonly containerId: string },
): FirewalledContainer {
	const namespace = world.container();
	const { name, subnets, bridgeKeys, cniVersion = "1.1.0" } = network;
	const bridge: Config = {
		cniVersion,
		name,
		type: "bridge",
		bridge: network.bridge,
		isDefaultGateway: true,
		ipam: hostLocal(world, subnets),
		...bridgeKeys,
	};
	const bridgeCall = { world, type: "bridge", config: bridge, netns: namespace, containerId };
	const result = mustRunPlugin<PrintedResult>({ ...bridgeCall, command: "ADD" });
	const firewall: Config = { cniVersion, name, type: "firewall", ...network.firewall, prevResult: result };
	const firewallCall = { world, type: "firewall", netns: namespace, containerId, ...changed };
	mustRunPlugin({ ...firewallCall, config: firewall, command: "ADD" });
	return {
		namespace,
		result,
		addresses: (result.ips ?? []).map(({ address }) => address.split("/")[0] ?? ""),
		run: (command, { with: keys, ...more } = {}) =>
			runPlugin({ ...firewallCall, config: { ...firewall, ...keys }, command, ...more }),
		remove() {
			mustRunPlugin({ ...firewallCall, config: firewall, command: "DEL" });
			mustRunPlugin({ ...bridgeCall, config: { ...bridge, prevResult: result }, command: "DEL" });
		},
	};
}

/** Another host: a namespace with a link of its own to the world's host, which is its router. */
export function neighbourHost(world: World): Namespace {
	const outside = world.container();
	const peer = ["peer", "name", "eth0", "netns", outside.name];
	runIn(world.host, ["ip", "link", "add", "uplink", "type", "veth", ...peer]);
	for (const address of ["192.0.2.1/24", "2001:db8:9::1/64"]) {
		runIn(world.host, ["ip", "address", "add", address, "dev", "uplink", ...nodad(address)]);
	}
	runIn(world.host, ["ip", "link", "set", "uplink", "up"]);
	for (const address of ["192.0.2.2/24", "2001:db8:9::2/64"]) {
		runIn(outside, ["ip", "address", "add", address, "dev", "eth0", ...nodad(address)]);
	}
	runIn(outside, ["ip", "link", "set", "eth0", "up"]);
	runIn(outside, ["ip", "route", "add", "default", "via", "192.0.2.1"]);
	runIn(outside, ["ip", "-6", "route", "add", "default", "via", "2001:db8:9::1"]);
	// IPv6 waits until the kernel has noticed the carrier, up to a second.
	runIn(outside, ["ping", "-q", "-i", "0.1", "-w", "5", "-c", "1", "2001:db8:9::1"]);
	return outside;
}

/** The neighbour's addresses, IPv4 first. */
export const neighbourAddresses = ["192.0.2.2", "2001:db8:9::2"] as const;

function nodad(address: string): string[] {
	return address.includes(":") ? ["nodad"] : [];
}

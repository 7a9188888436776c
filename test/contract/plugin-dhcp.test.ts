import { createDhcpNetwork, type DhcpNetwork, startDaemon } from "../support/dhcp.ts";
import type { World } from "../support/world.ts";
import { type Attached, type AttachedResult, pluginContract } from "./plugin.ts";

interface Surroundings {
	readonly network: DhcpNetwork;
	readonly server: { stop(): void };
	readonly daemon: { stop(): void; readonly socketPath: string };
}

const made = new WeakMap<World, Surroundings>();

/** A server and a daemon for each world, from its first call on. */
function surroundings(world: World): Surroundings {
	const present = made.get(world);
	if (present !== undefined) return present;
	const network = createDhcpNetwork(world);
	const fresh = { network, server: network.serve(), daemon: startDaemon(world) };
	made.set(world, fresh);
	return fresh;
}

/** Nothing of the result is in the container: that is the calling plugin's part. */
function inResult({ result }: Attached, change: (ips: NonNullable<AttachedResult["ips"]>) => object[]): void {
	Object.assign(result, { ips: change(result.ips ?? []) });
}

pluginContract({
	type: "dhcp",
	// The suite asks for the configuration once without a world, to learn which IPAM plugin it names.
	config: (world) => ({
		ipam: {
			type: "dhcp",
			...("host" in world ? { daemonSocketPath: surroundings(world).daemon.socketPath } : {}),
		},
	}),
	/** A main plugin has made the interface before. */
	prevResult(world, container) {
		surroundings(world).network.connect(container);
		return undefined;
	},
	hasAddress: true,
	repeatable: true,
	mutations: [
		{
			what: "the address is another",
			change: (attached) => inResult(attached, ([first]) => [{ ...first, address: "10.9.0.200/24" }]),
			named: /^dhcp: Failed to match addr 10\.9\.0\.\d+ on interface eth0; The lease is of 10\.9\.0\.\d+\/24/,
		},
		{
			what: "the gateway is another",
			change: (attached) => inResult(attached, ([first]) => [{ ...first, gateway: "10.9.0.2" }]),
			named: /^dhcp: Failed to match addr 10\.9\.0\.\d+ .* is not 10\.9\.0\.1/,
		},
		{
			what: "the interface is gone",
			change: ({ inside }) => inside("ip link del eth0"),
			named: /^error calling DHCP\.Check: .*interface .* is gone/,
		},
		{
			what: "the daemon does not run",
			change: ({ world }) => surroundings(world).daemon.stop(),
			named: /^error dialing DHCP daemon: dial unix .*\/dhcp\.sock: connect: no such file .*systemctl/,
		},
	],
	failures: [
		{ what: "there is no ipam", arrange: () => ({ ipam: null }) },
		{
			what: "there is no such option",
			arrange: () => ({ ipam: { type: "dhcp", request: [{ option: "bogus" }] } }),
		},
		{
			what: "the daemon does not run",
			arrange(world) {
				const { daemon } = surroundings(world);
				daemon.stop();
				return {};
			},
		},
		{
			what: "no server answers",
			arrange(world) {
				surroundings(world).server.stop();
				return {};
			},
		},
	],
});

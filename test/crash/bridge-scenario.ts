import { rmSync } from "node:fs";
import { runIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { advisory } from "./beside-running.ts";
import { type Scenario, unchanged } from "./crash-tests.ts";

/** The bridge with its addresses, forwarding, the lock, the cursor, and the bases of the tables of rules. */
const keptByNetwork = [
	/^\+ (link|address|route|qdisc) .*\(bridge\)/,
	/^[+-] sysctl /,
	/^\+ directory /,
	/^\+ file n1\/lock /,
	/^\+ nft (table|chain) inet cni_plugins_masquerade /,
	/^\+ nft rule inet cni_plugins_masquerade postrouting /,
	/^\+ nft (table|chain) ip nat( |$)/,
	/^\+ nft (table bridge nat|chain bridge nat PREROUTING) /,
	/^\+ iptables nat [*:]/,
];

/** A bridge with host-local on a host that has nothing yet: what the network keeps may stay. */
export function onNewHost(world: World, keys: object): Scenario {
	const container = world.container();
	const ipam = { type: "host-local", dataDir: world.dataDir, ranges: [[{ subnet: "10.60.0.0/24" }]] };
	const config = { cniVersion: "1.1.0", name: "n1", type: "bridge", ...keys, ipam };
	return {
		call: { world, type: "bridge", config, netns: container, containerId: "killed" },
		verify: unchanged(world, { container, except: [...keptByNetwork, ...advisory] }),
		arrange() {
			const script = "ip link del br0; nft flush ruleset; echo 0 >/proc/sys/net/ipv4/ip_forward; true";
			runIn(world.host, ["sh", "-c", script]);
			rmSync(world.dataDir, { recursive: true, force: true });
		},
	};
}

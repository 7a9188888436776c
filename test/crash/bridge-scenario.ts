import { rmSync } from "node:fs";
import { type Namespace, runIn } from "../support/namespace.ts";
import type { PluginCall } from "../support/run-plugin.ts";
import { type Snapshot, takeSnapshot } from "../support/snapshot.ts";
import type { World } from "../support/world.ts";

/** The bridge with its addresses, forwarding, the lock, the cursor, and the bases of the tables of rules. */
export const keptByNetwork = [
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

/** Beside the reference's files: the cursor, and the index, which may be stale or missing without harm. */
export const advisory = [
	/^[+-] file n1\/last_reserved_ip\.\d+ /,
	/^[+-] directory \.cni-suite(\/n1(\/\w+)?)?$/,
	/^[+-] file \.cni-suite\/n1\/(stamp|cooling|taken\/[^/]+|owners\/[^/]+) /,
];

/** Takes away what a network keeps, as on a host that never had it. */
export function removeNetwork(world: World): void {
	const script = "ip link del br0; nft flush ruleset; echo 0 >/proc/sys/net/ipv4/ip_forward; true";
	runIn(world.host, ["sh", "-c", script]);
	rmSync(world.dataDir, { recursive: true, force: true });
}

/** What differs in the container from `since`. */
export function leftoversIn(container: Namespace, since: Snapshot): string[] {
	const now = takeSnapshot(container);
	return [...now.symmetricDifference(since)].map((line) => `in the container: ${line}`);
}

/** A call of bridge with host-local on the network n1, all but the command. */
export function attachment(
	world: World,
	{ extra, container, containerId }: { extra: object; container: Namespace; containerId: string },
): Omit<PluginCall, "command" | "config"> & { config: object } {
	const ipam = { type: "host-local", dataDir: world.dataDir, ranges: [[{ subnet: "10.60.0.0/24" }]] };
	const config = { cniVersion: "1.1.0", name: "n1", type: "bridge", bridge: "br0", isGateway: true, ...extra, ipam };
	return { world, type: "bridge", config, netns: container, containerId };
}

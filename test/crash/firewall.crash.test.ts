import { rmSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { runIn } from "../support/namespace.ts";
import { mustRunPlugin, type PluginCall } from "../support/run-plugin.ts";
import { createWorld, keptByFirewall, leftovers, snapshotOf, type World } from "../support/world.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { type KillReport, killEverywhere } from "./kill-everywhere.ts";

const minutes = 60_000;

describe.each([
	["through nftables, isolated", { backend: "nftables", ingressPolicy: "isolated" }],
	["through iptables, same-bridge", { backend: "iptables", ingressPolicy: "same-bridge" }],
])("firewall %s", (_, keys) => {
	const network = (world: World) => {
		const running = callOf(world, { keys, containerId: "running", number: 2 });
		const call = callOf(world, { keys, containerId: "killed", number: 3 });
		const gc = {
			...call,
			command: "GC" as const,
			config: { ...call.config, "cni.dev/valid-attachments": [{ containerID: "running", ifname: "eth0" }] },
		};
		return { running, call, gc };
	};

	it.each([
		["ADD", "DEL"],
		["ADD", "GC"],
		["DEL", "DEL"],
		["DEL", "GC"],
	] as const)(
		"%s killed anywhere beside a running container: %s restores the earlier state",
		(killed, by) => {
			using world = createWorld();
			const { running, call, gc } = network(world);
			mustRunPlugin({ ...running, command: "ADD" });
			const since = snapshotOf(world);
			const report = killEverywhere({
				call: { ...call, command: killed },
				prepare() {
					if (killed === "DEL") mustRunPlugin({ ...call, command: "ADD" });
				},
				recover: () => mustRunPlugin(by === "DEL" ? { ...call, command: "DEL" } : gc),
				verify: () => leftovers(world, { since }),
			});
			expectClean(report);
			mustRunPlugin({ ...running, command: "CHECK" });
		},
		5 * minutes,
	);

	it(
		"ADD killed anywhere on a host that has nothing yet: DEL, which is not told what there was, leaves empty chains",
		() => {
			using world = createWorld();
			const { call } = network(world);
			const report = killEverywhere({
				call: { ...call, command: "ADD" },
				prepare: () => forget(world),
				recover: () => mustRunPlugin({ ...call, command: "DEL", config: { ...call.config, prevResult: null } }),
				verify: () => leftovers(world, { except: keptByFirewall }),
			});
			expectClean(report);
		},
		5 * minutes,
	);

	it(
		"ADD that fails anywhere beside a running container leaves nothing",
		() => {
			using world = createWorld();
			const { running, call } = network(world);
			mustRunPlugin({ ...running, command: "ADD" });
			const since = snapshotOf(world);
			const report = failEverywhere({
				call: { ...call, command: "ADD" },
				prepare() {},
				recover: () => mustRunPlugin({ ...call, command: "DEL" }),
				verify: () => leftovers(world, { since }),
			});
			expect(report.wrong).toEqual([]);
			// Errors that nothing notices prove nothing.
			expect(report.failed).toBeGreaterThan(2);
		},
		5 * minutes,
	);

	it(
		"a second ADD that fails anywhere leaves the container what it has",
		() => {
			using world = createWorld();
			const { call } = network(world);
			mustRunPlugin({ ...call, command: "ADD" });
			const since = snapshotOf(world);
			const report = failEverywhere({
				call: { ...call, command: "ADD" },
				prepare() {},
				recover: () => mustRunPlugin({ ...call, command: "ADD" }),
				verify: () => leftovers(world, { since }),
			});
			expect(report.wrong).toEqual([]);
		},
		5 * minutes,
	);
});

interface Container {
	readonly keys: object;
	readonly containerId: string;
	readonly number: number;
}

/** A call of firewall for a container of both families behind br0, all but the command. */
function callOf(
	world: World,
	{ keys, containerId, number }: Container,
): Omit<PluginCall, "command" | "config"> & { config: object } {
	const netns = world.container();
	const prevResult = {
		cniVersion: "1.1.0",
		interfaces: [{ name: "br0" }, { name: `veth${number}` }, { name: "eth0", sandbox: netns.path }],
		ips: [
			{ interface: 2, address: `10.61.0.${number}/24` },
			{ interface: 2, address: `fd61::${number}/64` },
		],
	};
	const config = { cniVersion: "1.1.0", name: "n1", type: "firewall", ...keys, prevResult };
	return { world, type: "firewall", config, netns, containerId };
}

/** As on a host that never had such a network. */
function forget(world: World): void {
	runIn(world.host, ["nft", "flush", "ruleset"]);
	rmSync(world.firewallRecords, { recursive: true, force: true });
}

function expectClean(report: KillReport): void {
	expect(report.wrong).toEqual([]);
	// A kill that hits nothing proves nothing.
	expect(report.killed).toBeGreaterThan(4);
	expect(report.survived.slice(report.killed / 10)).toEqual([]);
}

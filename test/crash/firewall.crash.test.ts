import { rmSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { runIn } from "../support/namespace.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { createWorld, keptByFirewall, type World } from "../support/world.ts";
import { crashTests, type DisturbedCall, type Scenario, unchanged } from "./crash-tests.ts";
import { failEverywhere } from "./fail-everywhere.ts";

describe.each([
	["through nftables, isolated", { backend: "nftables", ingressPolicy: "isolated" }],
	["through iptables, same-bridge", { backend: "iptables", ingressPolicy: "same-bridge" }],
])("firewall %s", (_, keys) => {
	describe("beside a running container", () => {
		crashTests((world) => beside(world, keys), { atLeast: 3 });
	});

	describe("on a host that has nothing yet, but for empty chains", () => {
		crashTests((world) => onNewHost(world, keys), { kills: [["ADD", "DEL"]], failing: false, atLeast: 5 });
	});

	it("a second ADD that fails anywhere leaves the container what it has", () => {
		using world = createWorld();
		const call = callOf(world, { keys, containerId: "killed", number: 3 });
		const again = () => mustRunPlugin({ ...call, command: "ADD" });
		again();
		const verify = unchanged(world);
		const report = failEverywhere({ call: { ...call, command: "ADD" }, prepare() {}, recover: again, verify });
		expect(report.wrong).toEqual([]);
	}, 300_000);
});

function beside(world: World, keys: object): Scenario {
	const running = callOf(world, { keys, containerId: "running", number: 2 });
	mustRunPlugin({ ...running, command: "ADD" });
	return {
		call: callOf(world, { keys, containerId: "killed", number: 3 }),
		verify: unchanged(world),
		running: ["running"],
		finish: () => mustRunPlugin({ ...running, command: "CHECK" }),
	};
}

/** DEL is not told what there was. */
function onNewHost(world: World, keys: object): Scenario {
	const call = callOf(world, { keys, containerId: "killed", number: 3 });
	return {
		call,
		verify: unchanged(world, { except: keptByFirewall }),
		arrange() {
			runIn(world.host, ["nft", "flush", "ruleset"]);
			rmSync(world.firewallRecords, { recursive: true, force: true });
		},
		delConfig: { ...call.config, prevResult: null },
	};
}

interface Container {
	readonly keys: object;
	readonly containerId: string;
	readonly number: number;
}

/** A call of firewall for a container of both families behind br0. */
function callOf(world: World, { keys, containerId, number }: Container): DisturbedCall {
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

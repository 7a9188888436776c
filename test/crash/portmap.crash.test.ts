import { describe, expect, it } from "@jest/globals";
import { addPorts, type Container, createContainer, portmapCall } from "../kernel/portmap-network.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { type KillReport, killEverywhere } from "./kill-everywhere.ts";

const minutes = 60_000;

const mappings = [
	{ hostPort: 8080, containerPort: 80, protocol: "tcp" },
	{ hostPort: 5300, containerPort: 53, protocol: "udp", hostIP: "192.0.2.1" },
];

/** Of the running container, so that tables and chains are there and have to stay. */
const others = [{ hostPort: 9090, containerPort: 80, protocol: "tcp" }];

/** The host's addresses that ports ever were at: looked up, and of no effect. */
const advisory = [/^[+-] nft set inet cni_suite port_addresses4 /];

describe.each([
	["portmap", {}],
	["portmap with conditions", { conditionsV4: ["ip", "saddr", "!=", "192.0.2.9"] }],
	["portmap through iptables", { backend: "iptables" }],
])("%s", (_title, extra) => {
	describe("beside a running container", () => {
		it.each([
			["ADD", "DEL"],
			["ADD", "GC"],
			["DEL", "DEL"],
			["DEL", "GC"],
		] as const)(
			"%s killed anywhere: %s restores the earlier state",
			(killed, by) => {
				using scenario = createScenario(extra);
				const { world, call, since } = scenario;
				const report = killEverywhere({
					call: { ...call, command: killed },
					prepare() {
						if (killed === "DEL") mustRunPlugin({ ...call, command: "ADD" });
					},
					recover() {
						if (by === "DEL") mustRunPlugin({ ...call, command: "DEL" });
						else mustRunPlugin({ world, type: call.type, command: "GC", config: gcConfig(call.config) });
					},
					verify: () => leftovers(world, { since, except: advisory }),
				});
				expectClean(report);
			},
			5 * minutes,
		);

		it(
			"ADD that fails anywhere leaves nothing",
			() => {
				using scenario = createScenario(extra);
				const { world, call, since } = scenario;
				const report = failEverywhere({
					call: { ...call, command: "ADD" },
					prepare() {},
					recover: () => mustRunPlugin({ ...call, command: "DEL" }),
					verify: () => leftovers(world, { since, except: advisory }),
				});
				expect(report.wrong).toEqual([]);
				expect(report.failed).toBeGreaterThan(4);
			},
			5 * minutes,
		);
	});
});

interface Scenario extends Disposable {
	readonly world: World;
	readonly call: ReturnType<typeof portmapCall>;
	readonly since: ReturnType<typeof snapshotOf>;
}

function createScenario(extra: object): Scenario {
	const world = createWorld();
	const container: Container = { ...createContainer(world, 3), containerId: "killed" };
	addPorts(world, { container: { ...createContainer(world, 2), containerId: "running" }, mappings: others, extra });
	return {
		world,
		call: portmapCall(world, { container, mappings, extra }),
		since: snapshotOf(world),
		[Symbol.dispose]: () => world.dispose(),
	};
}

function gcConfig(config: object): object {
	return { ...config, "cni.dev/valid-attachments": [{ containerID: "running", ifname: "eth0" }] };
}

function expectClean(report: KillReport): void {
	expect(report.wrong).toEqual([]);
	// A kill that hits nothing proves nothing.
	expect(report.killed).toBeGreaterThan(5);
	expect(report.survived.slice(report.killed / 10)).toEqual([]);
}

import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { mustRunPlugin, type PluginCall } from "../support/run-plugin.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { advisory, leftoversIn } from "./bridge-scenario.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { killEverywhere } from "./kill-everywhere.ts";

const minutes = 60_000;

/** The chain's directory stays. */
const kept = [...advisory, /^\+ directory \.state(\/chain(\/n1)?)?$/];

type Type = "chain" | "mesos-cni-port-mapper";

/** A call on the network n1 as Mesos makes it, all but the command. Results are kept where leftovers are looked for. */
function callOf(
	world: World,
	{ type, containerId, hostPort }: { type: Type; containerId: string; hostPort: number },
): Omit<PluginCall, "command" | "config"> & { config: object } {
	const ipam = { type: "host-local", dataDir: world.dataDir, ranges: [[{ subnet: "10.61.0.0/24" }]] };
	const bridge = { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true, ipam };
	// With tags, which are files beside the reservations.
	const tags = { groups: ["g"], labels: { labels: [{ key: "k" }] } };
	const network_info = { ...tags, port_mappings: [{ host_port: hostPort, container_port: 80 }] };
	const own = {
		chain: { stateDir: join(world.dataDir, ".state"), plugins: [bridge, { type: "portmap" }] },
		"mesos-cni-port-mapper": { chain: "MESOS-CRASH", delegate: bridge },
	}[type];
	const config = { cniVersion: "1.1.0", name: "n1", type, args: { "org.apache.mesos": { network_info } }, ...own };
	return { world, type, config, netns: world.container(), containerId };
}

function scenario(world: World, type: Type) {
	const running = callOf(world, { type, containerId: "running", hostPort: 8001 });
	const call = callOf(world, { type, containerId: "killed", hostPort: 8002 });
	mustRunPlugin({ ...running, command: "ADD" });
	const since = snapshotOf(world);
	const { netns } = call;
	if (typeof netns !== "object") throw new Error("no container");
	const empty = takeSnapshot(netns);
	const verify = () => [...leftovers(world, { since, except: kept }), ...leftoversIn(netns, empty)];
	const validAttachments = [{ containerID: "running", ifname: "eth0" }];
	const gcConfig = { ...call.config, "cni.dev/valid-attachments": validAttachments };
	const recover = {
		DEL: () => mustRunPlugin({ ...call, command: "DEL" }),
		GC: () => mustRunPlugin({ world, type: call.type, command: "GC", config: gcConfig }),
	};
	return { call, verify, recover };
}

describe.each<Type>(["chain", "mesos-cni-port-mapper"])("%s over bridge, host-local and port mappings", (type) => {
	it.each([
		["ADD", "DEL"],
		["ADD", "GC"],
		["DEL", "DEL"],
		["DEL", "GC"],
	] as const)(
		"%s killed anywhere: %s restores the earlier state",
		(killed, by) => {
			using world = createWorld();
			const { call, verify, recover } = scenario(world, type);
			const report = killEverywhere({
				call: { ...call, command: killed },
				prepare() {
					if (killed === "DEL") mustRunPlugin({ ...call, command: "ADD" });
				},
				recover: recover[by],
				verify,
			});
			expect(report.wrong).toEqual([]);
			expect(report.killed).toBeGreaterThan(10);
			expect(report.survived.slice(report.killed / 10)).toEqual([]);
		},
		5 * minutes,
	);

	it(
		"ADD that fails anywhere leaves nothing",
		() => {
			using world = createWorld();
			const { call, verify, recover } = scenario(world, type);
			const report = failEverywhere({
				call: { ...call, command: "ADD" },
				prepare() {},
				recover: recover.DEL,
				verify,
			});
			expect(report.wrong).toEqual([]);
			expect(report.failed).toBeGreaterThan(10);
		},
		5 * minutes,
	);
});

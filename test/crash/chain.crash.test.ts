import { join } from "node:path";
import { describe } from "@jest/globals";
import { mustRunPlugin } from "../support/run-plugin.ts";
import type { World } from "../support/world.ts";
import { advisory } from "./beside-running.ts";
import { crashTests, type Scenario, unchanged } from "./crash-tests.ts";

/** The chain's directory stays. */
const kept = [...advisory, /^\+ directory \.state(\/chain(\/n1)?)?$/];

type Type = "chain" | "mesos-cni-port-mapper";

/** A call on the network n1 as Mesos makes it. Results are kept where leftovers are looked for. */
function callOf(world: World, { type, containerId, hostPort }: { type: Type; containerId: string; hostPort: number }) {
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

function setUp(world: World, type: Type): Scenario {
	mustRunPlugin({ ...callOf(world, { type, containerId: "running", hostPort: 8001 }), command: "ADD" });
	const call = callOf(world, { type, containerId: "killed", hostPort: 8002 });
	return { call, verify: unchanged(world, { container: call.netns, except: kept }), running: ["running"] };
}

describe.each<Type>(["chain", "mesos-cni-port-mapper"])("%s over bridge, host-local and port mappings", (type) => {
	crashTests((world) => setUp(world, type), { atLeast: 10 });
});

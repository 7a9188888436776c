import { describe } from "@jest/globals";
import { addPorts, createContainer, portmapCall } from "../kernel/portmap-network.ts";
import type { World } from "../support/world.ts";
import { crashTests, type Scenario, unchanged } from "./crash-tests.ts";

const mappings = [
	{ hostPort: 8080, containerPort: 80, protocol: "tcp" },
	{ hostPort: 5300, containerPort: 53, protocol: "udp", hostIP: "192.0.2.1" },
];

/** Of the running container, so that tables and chains are there and have to stay. */
const others = [{ hostPort: 9090, containerPort: 80, protocol: "tcp" }];

/** The host's addresses that ports ever were at: looked up, and of no effect. */
const advisory = [/^[+-] nft set inet cni_suite port_addresses4 /];

function setUp(world: World, extra: object): Scenario {
	const container = { ...createContainer(world, 3), containerId: "killed" };
	addPorts(world, { container: { ...createContainer(world, 2), containerId: "running" }, mappings: others, extra });
	return {
		call: portmapCall(world, { container, mappings, extra }),
		verify: unchanged(world, { except: advisory }),
		running: ["running"],
	};
}

describe.each([
	["portmap", {}],
	["portmap with conditions", { conditionsV4: ["ip", "saddr", "!=", "192.0.2.9"] }],
	["portmap through iptables", { backend: "iptables" }],
])("%s beside a running container", (_title, extra) => {
	crashTests((world) => setUp(world, extra), { atLeast: 5 });
});

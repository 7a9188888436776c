import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe } from "@jest/globals";
import { runIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { crashTests, type Scenario, unchanged } from "./crash-tests.ts";

const interfaceLines = [
	"ip link add eth0 type veth peer name other",
	"ip link set other up",
	"ip address add 10.0.0.2/24 dev eth0",
	"ip address add fd00::2/64 dev eth0 nodad",
	"ip link set eth0 up",
	"ip route add 10.9.0.0/16 via 10.0.0.7 mtu 1400 metric 7",
	"ip route add default via 10.0.0.1",
	"ip route add default via fd00::1",
];

const ips = [
	{ address: "10.0.0.2/24", gateway: "10.0.0.1" },
	{ address: "fd00::2/64", gateway: "fd00::1" },
];

function setUp(world: World): Scenario {
	const container = world.container();
	runIn(container, ["sh", "-ec", interfaceLines.join("\n")]);
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "sbr",
		// Where leftovers are looked for.
		dataDir: join(world.dataDir, "sbr"),
		prevResult: { cniVersion: "1.1.0", ips },
	};
	return {
		call: { world, type: "sbr", netns: container, config },
		// The folders stay.
		verify: unchanged(world, { container, except: [/^\+ directory /] }),
		arrange: () => rmSync(world.dataDir, { recursive: true, force: true }),
	};
}

describe("sbr", () => {
	crashTests(setUp, {
		kills: [
			["ADD", "DEL"],
			["ADD", "GC"],
			["DEL", "GC"],
		],
		atLeast: 3,
	});
});

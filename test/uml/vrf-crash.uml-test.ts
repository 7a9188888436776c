import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe } from "@jest/globals";
import { crashTests, type Scenario, unchanged } from "../crash/crash-tests.ts";
import { runIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";

const interfaceLines = [
	"ip link add eth0 type dummy",
	"ip address add 10.0.0.2/24 dev eth0",
	"ip address add fd00::2/64 dev eth0 nodad",
	"ip link set eth0 up",
	"ip route add 10.9.0.0/16 via 10.0.0.7 metric 7",
	"ip route add default via fd00::1",
];

function setUp(world: World): Scenario {
	const container = world.container();
	runIn(container, ["sh", "-ec", interfaceLines.join("\n")]);
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "vrf",
		vrfname: "blue",
		// Where leftovers are looked for.
		dataDir: join(world.dataDir, "vrf"),
		prevResult: { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: container.path }] },
	};
	return {
		call: { world, type: "vrf", netns: container, config },
		verify: unchanged(world, {
			container,
			// The folders stay, and the rule for all VRFs, which the kernel makes with the first.
			except: [/^\+ directory /],
			exceptInside: [/^\+ rule .*l3mdev/],
		}),
		arrange: () => rmSync(world.dataDir, { recursive: true, force: true }),
	};
}

describe("vrf", () => {
	crashTests(setUp, {
		kills: [
			["ADD", "DEL"],
			["DEL", "GC"],
		],
		atLeast: 3,
	});
});

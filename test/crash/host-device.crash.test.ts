import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe } from "@jest/globals";
import { runIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { crashTests, type Scenario, unchanged } from "./crash-tests.ts";

const deviceLines = [
	"sysctl -qw net.ipv6.conf.default.addr_gen_mode=1",
	"ip link add ens5f0 type veth peer name wire",
	"ip link set wire up",
	"ip link set ens5f0 up",
];

function setUp(world: World): Scenario {
	const container = world.container();
	runIn(world.host, ["sh", "-ec", deviceLines.join("\n")]);
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "host-device",
		device: "ens5f0",
		// Where leftovers are looked for.
		dataDir: join(world.dataDir, "host-device"),
		ipam: { type: "static", addresses: [{ address: "10.5.0.2/24", gateway: "10.5.0.1" }, { address: "fd05::2/64" }] },
	};
	return {
		call: { world, type: "host-device", netns: container, config },
		// The folders stay.
		verify: unchanged(world, { container, except: [/^\+ directory /] }),
		arrange: () => rmSync(world.dataDir, { recursive: true, force: true }),
	};
}

describe("host-device", () => {
	crashTests(setUp, {
		kills: [
			["ADD", "DEL"],
			["ADD", "GC"],
			["DEL", "DEL"],
		],
		atLeast: 3,
	});
});

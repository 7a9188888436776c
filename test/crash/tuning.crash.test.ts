import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe } from "@jest/globals";
import { runIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { crashTests, type Scenario, unchanged } from "./crash-tests.ts";

function setUp(world: World): Scenario {
	const container = world.container();
	runIn(container, "ip link add eth0 type veth peer name other".split(" "));
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "tuning",
		// Where leftovers are looked for.
		dataDir: join(world.dataDir, "tuning"),
		mac: "c2:11:22:33:44:55",
		mtu: 1400,
		promisc: true,
		allmulti: true,
		txQLen: 500,
		sysctl: { "net.ipv4.conf.IFNAME.log_martians": "1", "net.ipv4.ip_local_port_range": "20000 30000" },
		prevResult: { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: container.path }] },
	};
	const script = "sysctl net.ipv4.conf.eth0.log_martians net.ipv4.ip_local_port_range; ip -d link show eth0";
	const parameters = () => runIn(container, ["sh", "-ec", script]);
	const before = parameters();
	// The folders stay.
	const verify = unchanged(world, { container, except: [/^\+ directory /] });
	return {
		call: { world, type: "tuning", netns: container, config },
		verify: () => [...verify(), ...(parameters() === before ? [] : [`${parameters()} instead of ${before}`])],
		arrange: () => rmSync(world.dataDir, { recursive: true, force: true }),
	};
}

describe("tuning", () => {
	crashTests(setUp, { atLeast: 5 });
});

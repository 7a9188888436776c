import { describe } from "@jest/globals";
import { limitedAttachment } from "../kernel/bandwidth-network.ts";
import type { World } from "../support/world.ts";
import { crashTests, type Scenario, unchanged } from "./crash-tests.ts";

const limits = { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 4_000_000, egressBurst: 400_000 };

/** An interface without limits, beside a running container that has some; and the call that gives it some. */
function setUp(world: World): Scenario {
	limitedAttachment(world, { limits, containerId: "running" }).add();
	const { bridge, call } = limitedAttachment(world, { limits, containerId: "killed" });
	bridge.add();
	return {
		call: { ...call, config: { ...call.config, prevResult: bridge.result } },
		verify: unchanged(world),
		running: ["running"],
	};
}

describe("bandwidth", () => {
	crashTests(setUp, { atLeast: 1 });
});

import { describe } from "@jest/globals";
import { attachByHand } from "../support/chained.ts";
import { groupsBase } from "../support/groups-base.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import type { World } from "../support/world.ts";
import { crashTests, type DisturbedCall, type Scenario, unchanged } from "./crash-tests.ts";

function groupsCall(world: World, containerId: string, number: number): DisturbedCall {
	const netns = world.container();
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "groups",
		groups: ["a", containerId],
		prevResult: attachByHand(world, netns, { number }),
	};
	return { world, type: "groups", config, netns, containerId };
}

function setUp(world: World, { beside }: { beside: boolean }): Scenario {
	const running = groupsCall(world, "running", 2);
	const call = groupsCall(world, "killed", 3);
	if (beside) mustRunPlugin({ ...running, command: "ADD" });
	return {
		call,
		verify: unchanged(world, { except: groupsBase }),
		running: beside ? ["running"] : [],
		finish() {
			if (beside) mustRunPlugin({ ...running, command: "CHECK" });
		},
	};
}

describe("groups beside a running container", () => {
	crashTests((world) => setUp(world, { beside: true }), {
		kills: [
			["ADD", "DEL"],
			["ADD", "GC"],
			["DEL", "DEL"],
		],
		atLeast: 3,
	});
});

describe("groups where nobody is in a group", () => {
	crashTests((world) => setUp(world, { beside: false }), {
		kills: [
			["ADD", "DEL"],
			["DEL", "GC"],
		],
		failing: false,
		atLeast: 3,
	});
});

import { describe } from "@jest/globals";
import { besideRunning } from "./beside-running.ts";
import { crashTests } from "./crash-tests.ts";

const keys = { owner: 1000, group: 1000, mac: "02:00:00:00:00:43", mtu: 1400 };

describe("tap beside a running container", () => {
	crashTests((world) => besideRunning(world, { type: "tap", keys }), {
		kills: [
			["ADD", "DEL"],
			["DEL", "DEL"],
		],
		atLeast: 5,
	});
});

import { describe } from "@jest/globals";
import { besideRunning } from "./beside-running.ts";
import { crashTests } from "./crash-tests.ts";

describe("ptp beside a running container", () => {
	crashTests((world) => besideRunning(world, { type: "ptp", keys: { ipMasq: true } }), {
		kills: [
			["ADD", "DEL"],
			["DEL", "GC"],
		],
		atLeast: 10,
	});
});

import { describe } from "@jest/globals";
import { besideRunning } from "../crash/beside-running.ts";
import { crashTests } from "../crash/crash-tests.ts";

/** Killed in ADD alone: the rest is what tap does (test/crash/tap.crash.test.ts). */
describe("dummy beside a running container", () => {
	crashTests((world) => besideRunning(world, { type: "dummy" }), {
		kills: [["ADD", "DEL"]],
		failing: false,
		atLeast: 5,
	});
});

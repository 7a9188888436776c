import { describe } from "@jest/globals";
import { ensureMaster } from "../support/master.ts";
import { besideRunning } from "./beside-running.ts";
import { crashTests } from "./crash-tests.ts";

describe("macvlan beside a running container", () => {
	crashTests(
		(world) =>
			besideRunning(world, {
				type: "macvlan",
				keys: { master: ensureMaster(world) },
				subnets: ["10.60.0.0/24", "fd60::/64"],
				endsWithContainer: true,
			}),
		{
			kills: [
				["ADD", "DEL"],
				["ADD", "GC"],
				["DEL", "DEL"],
			],
			atLeast: 5,
		},
	);
});

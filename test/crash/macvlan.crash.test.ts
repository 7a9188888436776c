import { describe, it } from "@jest/globals";
import { createWorld } from "../support/world.ts";
import { expectNothingLeft, expectRestored } from "./on-master-scenario.ts";

const minutes = 60_000;

describe("macvlan", () => {
	it.each([
		["ADD", "DEL"],
		["ADD", "GC"],
		["DEL", "DEL"],
	] as const)(
		"%s killed anywhere: %s restores the earlier state",
		(killed, by) => {
			using world = createWorld();
			expectRestored(world, { type: "macvlan", killed, by });
		},
		5 * minutes,
	);

	it(
		"ADD that fails anywhere leaves nothing",
		() => {
			using world = createWorld();
			expectNothingLeft(world, { type: "macvlan" });
		},
		5 * minutes,
	);
});

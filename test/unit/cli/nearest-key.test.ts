import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { editDistance, nearestKey } from "../../../lib/cli/validate/nearest-key.ts";

describe("nearestKey", () => {
	const known = ["subnet", "rangeStart", "rangeEnd", "gateway", "isGateway", "mtu", "mac"];

	it.each([
		["subent", "subnet"],
		["rangestart", "rangeStart"],
		["range_end", "rangeEnd"],
		["gatway", "gateway"],
		["isgatewya", "isGateway"],
		["mtuu", "mtu"],
	])("finds what %s was meant to be", (key, expected) => {
		expect(nearestKey(key, known)).toBe(expected);
	});

	it.each(["unrelated", "x", "address"])("does not guess at %s", (key) => {
		expect(nearestKey(key, known)).toBeUndefined();
	});
});

describe("editDistance", () => {
	const word = fc.string({ maxLength: 8, unit: fc.constantFrom("a", "b", "c") });

	it("is symmetric, zero for equals only, and at most the longer length", () => {
		fc.assert(
			fc.property(word, word, (a, b) => {
				expect(editDistance(a, b)).toBe(editDistance(b, a));
				expect(editDistance(a, b) === 0).toBe(a === b);
				expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
			}),
		);
	});

	it("counts one for each edit", () => {
		expect(["abc", "ab", "abdc", "bac", "axc"].map((other) => editDistance("abc", other))).toEqual([0, 1, 1, 1, 1]);
	});
});

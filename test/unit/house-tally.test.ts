import { describe, expect, it } from "@jest/globals";
import { type JestReport, tallyOf } from "../support/tally.ts";

describe("the sum of all tests", () => {
	it("counts what passed and names what failed", () => {
		expect(
			tallyOf(
				report([
					["a", "passed"],
					["b", "failed"],
					["c", "passed"],
				]),
			),
		).toEqual({
			passed: 2,
			failed: ["b"],
			skipped: [],
		});
	});

	it("counts a file that could not be run as failed", () => {
		expect(tallyOf(report([], "failed")).failed).toEqual(["/t/x.test.ts (the file could not be run)"]);
	});

	it("gives the reason of a skip", () => {
		const { passed, skipped } = tallyOf(report([["group does it [skipped: there is no podman]", "pending"]]));
		expect(passed).toBe(0);
		expect(skipped).toEqual([{ name: "group does it", reason: "there is no podman" }]);
	});

	it.each(["pending", "todo", "skipped", "disabled"])(
		"counts a test that is %s without a reason as failed",
		(status) => {
			expect(tallyOf(report([["group does it", status]])).failed).toHaveLength(1);
		},
	);
});

function report(tests: readonly [string, string][], status = "passed"): JestReport {
	const assertionResults = tests.map(([fullName, state]) => ({ fullName, status: state }));
	return { testResults: [{ name: "/t/x.test.ts", status, assertionResults }] };
}

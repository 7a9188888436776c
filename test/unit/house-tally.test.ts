import { describe, expect, it } from "@jest/globals";
import { failedFiles, type JestReport, ranAgain, tallyOf } from "../support/tally.ts";

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
		expect(tallyOf(report([], { status: "failed" })).failed).toEqual(["/t/x.test.ts (the file could not be run)"]);
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

	it("names the files that are to be run again: also those that could not be, or that skip without a reason", () => {
		const all = [
			report([["a", "passed"]], { name: "/t/fine.test.ts" }),
			report([["b", "failed"]], { name: "/t/failed.test.ts" }),
			report([], { name: "/t/broken.test.ts", status: "failed" }),
			report([["c", "pending"]], { name: "/t/quiet.test.ts" }),
		];
		expect(failedFiles({ testResults: all.flatMap(({ testResults }) => testResults) })).toEqual([
			"/t/failed.test.ts",
			"/t/broken.test.ts",
			"/t/quiet.test.ts",
		]);
	});

	it("counts each test of a file that ran again once, as it came out then", () => {
		const first = report([
			["a", "passed"],
			["b", "failed"],
		]);
		const passed = report([
			["a", "passed"],
			["b", "passed"],
		]);
		expect(tallyOf(ranAgain(first, passed))).toEqual({ passed: 2, failed: [], skipped: [] });
		expect(tallyOf(ranAgain(first, first)).failed).toEqual(["b"]);
		expect(tallyOf(ranAgain(first, report([], { status: "failed" }))).failed).toHaveLength(1);
	});

	it("keeps what is known of a file of which the second run says nothing", () => {
		expect(tallyOf(ranAgain(report([["b", "failed"]]), { testResults: [] })).failed).toEqual(["b"]);
	});
});

function report(
	tests: readonly [string, string][],
	{ status = "passed", name = "/t/x.test.ts" }: { status?: string; name?: string } = {},
): JestReport {
	const assertionResults = tests.map(([fullName, state]) => ({ fullName, status: state }));
	return { testResults: [{ name, status, assertionResults }] };
}

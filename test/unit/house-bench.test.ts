import { describe, expect, it } from "@jest/globals";
import { compare, median, table } from "../bench/figure.ts";

describe("a figure", () => {
	it.each([
		[[3], 3],
		[[5, 1, 3], 3],
		[[4, 1, 3, 100], 3.5],
	])("the median of %j is %d", (values, middle) => {
		expect(median(values)).toBe(middle);
	});

	it("compares run with run, so that a slow spell of the machine does not count", () => {
		const figure = compare("ADD", { ours: [8, 8, 80], stock: [10, 10, 100], unit: "ms", bar: 0.9 });
		expect(figure).toMatchObject({ ours: "8.00 ms", ratio: "0.80", bar: "≤ 0.9", verdict: "met" });
	});

	it("says when a bar is missed, also by a little", () => {
		expect(compare("DEL", { ours: [10.1], stock: [10], unit: "ms", bar: 1 }).verdict).toBe("missed");
	});

	it("gives no verdict without a bar, and misses a bar with nothing measured", () => {
		expect(compare("ADD", { ours: [1], stock: [1], unit: "MB" }).verdict).toBe("");
		expect(compare("ADD", { ours: [], stock: [], unit: "ms", bar: 1 }).verdict).toBe("missed");
	});

	it("is a line of a Markdown table", () => {
		const lines = table([compare("ADD", { ours: [1], stock: [2], unit: "ms" })]).split("\n");
		expect(lines).toHaveLength(3);
		expect(lines[2]).toBe("| ADD | 1.00 ms | 2.00 ms | 0.50 |  |  |");
	});
});

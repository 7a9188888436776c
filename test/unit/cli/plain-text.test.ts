import { describe, expect, it } from "@jest/globals";
import { formatGrid } from "../../../lib/cli/format-grid.ts";
import { plainJson, plainLine, plainText } from "../../../lib/cli/plain-text.ts";

describe("texts of tenants", () => {
	it.each([
		["c1", "c1"],
		["é.x_y-z", "é.x_y-z"],
		["a b", '"a b"'],
		["a,b", '"a,b"'],
		["", '""'],
		["\u001b[2J", '"\\u001b[2J"'],
		["\u202ea", '"\\u{202e}a"'],
	])("%j is a cell of its own", (text, expected) => {
		expect(plainText(text)).toBe(expected);
	});

	it("commands no terminal from within a line, and is the same JSON", () => {
		const hostile = "a\u009b2J\u2028\u{e0001}\n";
		expect(plainLine(hostile)).toBe("a\\u009b2J\\u2028\\udb40\\udc01\\u000a");
		const json = plainJson({ id: hostile, list: [1] });
		expect(JSON.parse(json)).toEqual({ id: hostile, list: [1] });
		expect(json).not.toMatch(/(?![\n\t])[\p{C}\p{Zl}\p{Zp}]/u);
	});
});

describe("formatGrid", () => {
	const cells = (...texts: readonly (readonly string[])[]) => texts;

	it("gives an attachment as many lines as its longest cell, and leaves out columns without content", () => {
		const columns = [
			{ heading: "A", cells: cells(["one"], ["two"]) },
			{ heading: "B", cells: cells(["1", "2"], []) },
			{ heading: "C", cells: cells([], []) },
		];
		expect(formatGrid(columns, { width: 80 })).toBe("A    B\none  1\n     2\ntwo  -\n");
	});

	it("narrows the widest columns first, and keeps a remark at the end", () => {
		const columns = [
			{ heading: "A", cells: cells(["unchanged"]) },
			{ heading: "B", cells: cells(["10.214.7.2 (missing)"]), leastWidth: 4 },
			{ heading: "C", cells: cells(["a long text"]), leastWidth: 4 },
		];
		expect(formatGrid(columns, { width: 36 }).split("\n")).toEqual([
			"A          B             C",
			"unchanged  1… (missing)  a long text",
			"",
		]);
	});
});

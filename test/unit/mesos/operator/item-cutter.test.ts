import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createItemCutter } from "../../../../lib/mesos/operator/item-cutter.ts";

/** Items and rest of a text that comes in parts of these sizes, the last for all that is left. */
function cut(text: string, { depth, sizes = [] }: { depth: number; sizes?: readonly number[] }) {
	const items: string[] = [];
	const cutter = createItemCutter({ depth, take: (item) => items.push(item) });
	const bytes = Buffer.from(text);
	let at = 0;
	for (const size of [...sizes, bytes.byteLength]) {
		cutter.push(bytes.subarray(at, at + size));
		at += size;
	}
	return { items, rest: cutter.rest() };
}

/** The value with what has been cut out put back. */
function restore(rest: unknown, { items, depth }: { items: readonly string[]; depth: number }): unknown {
	if (depth === 0 && Array.isArray(rest)) return JSON.parse(items[rest[0]] ?? "");
	if (Array.isArray(rest)) return rest.map((item) => restore(item, { items, depth: depth - 1 }));
	if (typeof rest !== "object" || rest === null) return rest;
	return Object.fromEntries(
		Object.entries(rest).map(([key, value]) => [key, restore(value, { items, depth: depth - 1 })]),
	);
}

describe("items", () => {
	test("are cut out, and their numbers stand for them", () => {
		expect(cut('{"a":[{"x":1}, {"y":[]}],"b":7}', { depth: 2 })).toEqual({
			items: ['{"x":1}', '{"y":[]}'],
			rest: '{"a":[[0], [1]],"b":7}',
		});
	});

	test("brackets and quotes in strings are none", () => {
		const tricky = ['{"]":"}\\"{"}', '{"\\\\":"\\\\\\"[","é":"\\u0022}"}'];
		const text = `{"a\\"[{":[${tricky.join()}]}`;
		for (let size = 1; size < 8; size++) {
			const sizes = Array.from({ length: text.length }, () => size);
			expect(cut(text, { depth: 2, sizes })).toEqual({ items: tricky, rest: '{"a\\"[{":[[0],[1]]}' });
		}
	});

	test("of any JSON, cut anywhere: nothing is lost", () => {
		const sizes = fc.array(fc.nat(9), { maxLength: 60 });
		fc.assert(
			fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(4), sizes, (value, depth, cuts) => {
				const text = JSON.stringify(value);
				const { items, rest } = cut(text, { depth, sizes: cuts });
				expect(restore(JSON.parse(rest), { items, depth })).toEqual(JSON.parse(text));
			}),
			{ numRuns: 1000 },
		);
	});
});

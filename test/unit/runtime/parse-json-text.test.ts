import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { JsonNode } from "../../../lib/cni/json/json-node.ts";
import { JsonSyntaxError, parseJsonText } from "../../../lib/cni/json/parse-json-text.ts";
import { placeOf } from "../../../lib/cni/json/place-of.ts";

describe("parseJsonText", () => {
	it("reads every value as JSON.parse does", () => {
		fc.assert(
			fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
				const text = JSON.stringify(value, null, indent);
				expect(plain(parseJsonText(text))).toEqual(JSON.parse(text));
			}),
		);
	});

	it("refuses exactly what JSON.parse refuses", () => {
		const mutated = fc
			.tuple(
				fc.jsonValue({ maxDepth: 2 }),
				fc.nat(),
				fc.constantFrom(..."{}[]\",:\\ \n\u0001-+.eE019tfnu'x", ""),
				fc.nat(2),
			)
			.map(([value, at, insert, remove]) => {
				const text = JSON.stringify(value);
				const index = at % (text.length + 1);
				return text.slice(0, index) + insert + text.slice(index + remove);
			});
		fc.assert(
			fc.property(mutated, (text) => {
				expect(accepts(() => parseJsonText(text))).toBe(accepts(() => JSON.parse(text)));
			}),
			{ numRuns: 2000 },
		);
	});

	it("keeps all members of an object and their places", () => {
		const node = parseJsonText('{"a":1,\n "a":[true]}');
		expect(node.kind === "object" && node.members.map(({ key, keyOffset }) => [key, keyOffset])).toEqual([
			["a", 1],
			["a", 9],
		]);
		expect(placeOf('{"a":1,\n "a":[true]}', 9)).toEqual({ line: 2, column: 2 });
	});

	it("says where the text stops being JSON", () => {
		const error = caught(() => parseJsonText('{"a":\n  tru}'));
		expect([error.message, error.offset]).toEqual(["invalid character '}' in literal true (expecting 'e')", 11]);
	});

	it("refuses nesting without end instead of overflowing", () => {
		expect(caught(() => parseJsonText("[".repeat(1_000_000))).message).toBe("exceeded max depth");
	});
});

function caught(action: () => unknown): JsonSyntaxError {
	try {
		action();
	} catch (thrown) {
		if (thrown instanceof JsonSyntaxError) return thrown;
		throw thrown;
	}
	throw new Error("nothing was thrown");
}

function accepts(parse: () => unknown): boolean {
	try {
		parse();
		return true;
	} catch {
		return false;
	}
}

function plain(node: JsonNode): unknown {
	if (node.kind === "scalar") return node.value;
	if (node.kind === "list") return node.items.map(plain);
	return Object.fromEntries(node.members.map(({ key, value }) => [key, plain(value)]));
}

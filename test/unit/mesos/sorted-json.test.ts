import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { sortedJson } from "../../../lib/mesos/sorted-json.ts";

it("writes keys in the order of their characters, numbers among them", () => {
	const value = { b: 1, a: { "10": 1, "9": [{ y: null, x: "/" }], "-": true }, B: undefined };
	expect(sortedJson(value)).toBe('{"a":{"-":true,"10":1,"9":[{"x":"/","y":null}]},"b":1}');
});

it("keeps the value", () => {
	fc.assert(
		fc.property(fc.jsonValue(), (value) => {
			expect(JSON.parse(sortedJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
		}),
	);
});

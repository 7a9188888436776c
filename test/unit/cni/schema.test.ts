import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
	any,
	boolean,
	decodeDocument,
	integer,
	list,
	object,
	record,
	required,
	SchemaError,
	string,
} from "../../../lib/cni/schema.ts";

const schema = required(
	object({
		ipMasq: boolean(false),
		mtu: integer(0),
		bridge: string("cni0"),
		optional: string(),
		ranges: list(list(object({ subnet: string(), gateway: string("none") }))),
		labels: record(string("")),
		capabilities: record(boolean(false)),
		args: any(),
	}),
);
const decode = (value: unknown) => decodeDocument(schema, value);

function problemOf(value: unknown): string {
	try {
		decode(value);
	} catch (thrown) {
		if (thrown instanceof SchemaError) return thrown.message;
		throw thrown;
	}
	return "";
}

describe("keys", () => {
	test("match without regard to case; the later in the document wins, whatever its spelling", () => {
		expect(decode(JSON.parse('{"IPMASQ":true,"Mtu":9}'))).toMatchObject({ ipMasq: true, mtu: 9 });
		expect(decode(JSON.parse('{"mtu":1,"MTU":2}')).mtu).toBe(2);
		expect(decode(JSON.parse('{"MTU":2,"mtu":1}')).mtu).toBe(1);
		expect(decode(JSON.parse('{"mtu":1,"mtu":3}')).mtu).toBe(3);
		expect(decode(JSON.parse('{"ranges":[[{"SUBNET":"a"}]]}')).ranges).toEqual([[{ subnet: "a", gateway: "none" }]]);
	});

	test("that nobody declared are ignored, whatever they are called and hold", () => {
		const text = '{"x":{"y":[1]},"__proto__":{"mtu":"x"},"constructor":1,"hasOwnProperty":2,"toString":null}';
		expect(decode(JSON.parse(text))).toEqual(decode({}));
	});

	test("of a record are data: they match exactly, and may be called anything", () => {
		const decoded = decode(JSON.parse('{"labels":{"A":"1","a":"2","__proto__":"3","constructor":"4"}}')).labels;
		expect(Object.entries(decoded ?? {})).toEqual([
			["A", "1"],
			["a", "2"],
			["__proto__", "3"],
			["constructor", "4"],
		]);
		expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
	});
});

describe("values", () => {
	test("null is the same as absent, and leaves an earlier spelling's value", () => {
		expect(decode({ mtu: null, bridge: null, ranges: null, optional: null })).toEqual(decode({}));
		expect(decode(JSON.parse('{"mtu":5,"MTU":null}')).mtu).toBe(5);
		expect(decode({ labels: { a: null } }).labels).toEqual({ a: "" });
		expect(decode({ ranges: [null, [null]] }).ranges).toEqual([undefined, [undefined]]);
	});

	test("absent ones have their default", () => {
		expect(decode({})).toEqual({
			ipMasq: false,
			mtu: 0,
			bridge: "cni0",
			optional: undefined,
			ranges: undefined,
			labels: undefined,
			capabilities: undefined,
			args: undefined,
		});
	});

	test("of type any pass as they are", () => {
		const args = { cni: [1, "x", null] };
		expect(decode({ args }).args).toBe(args);
	});

	test.each<[unknown, string]>([
		[{ ipMasq: "true" }, '"ipMasq" must be a boolean, not the string "true"'],
		[{ ipMasq: 1 }, '"ipMasq" must be a boolean, not the number 1'],
		[{ IPMasq: 0 }, '"IPMasq" must be a boolean, not the number 0'],
		[{ mtu: "1500" }, '"mtu" must be an integer, not the string "1500"'],
		[{ mtu: 1.5 }, '"mtu" must be an integer, not the number 1.5'],
		[{ mtu: 2 ** 53 }, '"mtu" must be an integer, not the number 9007199254740992'],
		[{ mtu: JSON.parse("1e400") }, '"mtu" must be an integer, not the number Infinity'],
		[{ mtu: true }, '"mtu" must be an integer, not the boolean true'],
		[{ bridge: 5 }, '"bridge" must be a string, not the number 5'],
		[{ bridge: "a\0b" }, '"bridge" must be a string without NUL, not the string "a\\u0000b"'],
		[{ bridge: ["a"] }, '"bridge" must be a string, not a list'],
		[{ ranges: {} }, '"ranges" must be a list, not an object'],
		[{ ranges: [[{ subnet: 5 }]] }, '"ranges[0][0].subnet" must be a string, not the number 5'],
		[{ ranges: [[], [{}, "x"]] }, '"ranges[1][1]" must be an object, not the string "x"'],
		[{ labels: { "a b": 5 } }, '"labels.a b" must be a string, not the number 5'],
		[{ labels: ["a"] }, '"labels" must be an object, not a list'],
		[[], "must be an object, not a list"],
		["x", 'must be an object, not the string "x"'],
	])("%j is refused with its place, what it must be and what it is", (value, problem) => {
		expect(problemOf(value)).toBe(problem);
	});

	test("that are long are shown in part", () => {
		expect(problemOf({ mtu: "x".repeat(1000) }).length).toBeLessThan(140);
	});

	test("of any JSON are decoded, or refused with a place; and decoding never changes the document", () => {
		const documents = fc.dictionary(
			fc.constantFrom("ipMasq", "MTU", "bridge", "ranges", "labels", "args", "__proto__", "x"),
			fc.jsonValue(),
		);
		fc.assert(
			fc.property(documents, (value) => {
				const before = JSON.stringify(value);
				problemOf(value);
				expect(JSON.stringify(value)).toBe(before);
			}),
		);
	});
});

describe("a tolerant reader", () => {
	test("gets the default for each wrong value, the rest as it is, and hears of each problem", () => {
		const problems: string[] = [];
		const value = { mtu: "x", bridge: "br0", ranges: [[{ subnet: 1 }, { subnet: "b" }]], labels: { a: 1, b: "c" } };
		const decoded = decodeDocument(schema, value, ({ path }) => problems.push(path));
		expect(decoded).toMatchObject({ mtu: 0, bridge: "br0", labels: { a: "", b: "c" } });
		expect(decoded.ranges).toEqual([
			[
				{ subnet: undefined, gateway: "none" },
				{ subnet: "b", gateway: "none" },
			],
		]);
		expect(problems).toEqual(["mtu", "ranges[0][0].subnet", "labels.a"]);
	});

	test("never throws", () => {
		fc.assert(
			fc.property(fc.jsonValue(), (value) => {
				decodeDocument(schema, value, () => {});
			}),
		);
	});
});

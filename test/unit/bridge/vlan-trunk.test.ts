import { describe, expect, it } from "@jest/globals";
import { expandVlanTrunk, type TrunkEntry } from "../../../plugins/main/bridge/vlan-trunk.ts";

const entry = (keys: Partial<NonNullable<TrunkEntry>>): TrunkEntry => ({
	id: undefined,
	minID: undefined,
	maxID: undefined,
	...keys,
});

describe("a VLAN trunk", () => {
	it.each<[title: string, entries: TrunkEntry[], ids: number[]]>([
		["nothing", [], []],
		["an empty entry", [entry({})], []],
		["null", [undefined], []],
		["an id", [entry({ id: 10 })], [10]],
		["a range", [entry({ minID: 100, maxID: 105 })], [100, 101, 102, 103, 104, 105]],
		["a range of one", [entry({ minID: 7, maxID: 7 })], [7]],
		["an id and a range", [entry({ id: 10 }), entry({ minID: 100, maxID: 102 })], [10, 100, 101, 102]],
		["an id and a range in one entry", [entry({ id: 10, minID: 1, maxID: 2 })], [1, 2, 10]],
		["the bounds", [entry({ id: 4094 }), entry({ id: 1 })], [1, 4094]],
		["the same id more than once", [entry({ id: 3, minID: 2, maxID: 4 }), entry({ id: 3 })], [2, 3, 4]],
		["ids that are sorted as numbers", [entry({ id: 1000 }), entry({ id: 9 })], [9, 1000]],
	])("of %s", (_title, entries, ids) => {
		expect(expandVlanTrunk(entries)).toEqual(ids);
	});

	it("of everything has every id", () => {
		expect(expandVlanTrunk([entry({ minID: 1, maxID: 4094 })])).toHaveLength(4094);
	});

	it.each<[keys: Partial<NonNullable<TrunkEntry>>, msg: string]>([
		[{ minID: 1 }, "minID and maxID should be configured simultaneously, maxID is missing"],
		[{ maxID: 1 }, "minID and maxID should be configured simultaneously, minID is missing"],
		[{ minID: -1, maxID: 5 }, "incorrect trunk minID parameter"],
		[{ minID: 0, maxID: 5 }, "incorrect trunk minID parameter"],
		[{ minID: 5000, maxID: 5001 }, "incorrect trunk minID parameter"],
		[{ minID: 1, maxID: 5000 }, "incorrect trunk maxID parameter"],
		[{ minID: 1, maxID: 4095 }, "incorrect trunk maxID parameter"],
		[{ minID: 1000, maxID: 100 }, "minID is greater than maxID in trunk parameter"],
		[{ id: 5000 }, "incorrect trunk id parameter"],
		[{ id: 0 }, "incorrect trunk id parameter"],
		[{ id: -1 }, "incorrect trunk id parameter"],
		// The range is looked at first.
		[{ id: -1, minID: 1 }, "minID and maxID should be configured simultaneously, maxID is missing"],
	])("of %j is refused", (keys, msg) => {
		expect(() => expandVlanTrunk([entry({ id: 7 }), entry(keys)])).toThrow(
			expect.objectContaining({ code: 7, message: msg }),
		);
	});
});

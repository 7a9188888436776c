import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { formatAddress, parseAddress } from "../../../lib/ip/address.ts";
import { disowned, doubted, draw, given, learned, owned, owning } from "../../../lib/ipam/etcd-store/beliefs.ts";
import { type Block, blockName, parseBlock } from "../../../lib/ipam/etcd-store/block.ts";
import { allBut, allOf, firstFree, placeIn } from "../../../lib/ipam/etcd-store/free-block.ts";
import { blankHint, formatHint, type Hint, namesOf, parseHint } from "../../../lib/ipam/etcd-store/hint.ts";
import type { Seen } from "../../../lib/ipam/etcd-store/look.ts";
import { parseRangeSet, rangeOf } from "../../../lib/ipam/range-set.ts";

const block = (name: string) => {
	const found = parseBlock(name);
	if (found === undefined) throw new Error(name);
	return found;
};
const ip = (text: string) => {
	const found = parseAddress(text);
	if (found === undefined) throw new Error(text);
	return found;
};
const nothing = blankHint;

describe("the first free address of some blocks", () => {
	test("is that of looking at one after the other, from the one after the cursor on", () => {
		const names = ["4-0a010000-28", "4-0a010020-28"];
		const set = parseRangeSet([{ subnet: "10.1.0.0/26", rangeStart: "10.1.0.3", rangeEnd: "10.1.0.42" }]);
		const digits = fc.string({ unit: fc.constantFrom("0", "1"), minLength: 16, maxLength: 16 });
		fc.assert(
			fc.property(digits, digits, fc.integer({ min: 0, max: 63 }), (first, second, at) => {
				const blocks = names.map((name, index) => ({ ...block(name), free: index === 0 ? first : second }));
				const cursor = ip(`10.1.0.${at}`);
				const order = Array.from({ length: 64 }, (_, step) => ip(`10.1.0.${(at + 1 + step) % 64}`));
				const start =
					rangeOf(set, cursor) === undefined ? [...order].sort((a, b) => (a.value < b.value ? -1 : 1)) : order;
				const expected = start.find(
					(address) =>
						rangeOf(set, address) !== undefined && blocks.some((one) => one.free[placeIn(one, address)] === "1"),
				);
				expect(firstFree(set, { cursor, blocks })?.address).toEqual(expected);
			}),
		);
	});

	test("is found in an IPv6 block of a large subnet; the gateway is none", () => {
		const set = parseRangeSet([{ subnet: "fd00::/64" }]);
		const own = block("6-fd000000000000000000000000000000-122");
		const first = firstFree(set, { blocks: [{ ...own, free: allOf(own) }] });
		expect(first && formatAddress(first.address)).toBe("fd00::2");
		expect(firstFree(set, { blocks: [{ ...own, free: "11".padEnd(64, "0") }] })).toBeUndefined();
	});
});

describe("the hint", () => {
	const set = parseRangeSet([{ subnet: "10.1.0.0/16" }]);
	const own = block("4-0a010000-30");
	const full = { ...own, free: allOf(own) };

	test("gives each address of a block once, and knows when there is none", () => {
		let hint = owned(nothing, full);
		const drawn: string[] = [];
		for (;;) {
			const [next, found] = draw(hint, { set, setIndex: 0 });
			if (found === undefined) break;
			drawn.push(formatAddress(found.address));
			hint = next;
		}
		expect(drawn).toEqual(["10.1.0.2", "10.1.0.3"]);
		expect(hint).toEqual({ ...nothing, open: { [blockName(own)]: "1100" }, cursors: ["4-0a010003"] });
	});

	test("does not try what was given on request, nor forget it when the block is claimed for a second set", () => {
		const hint = owned(given(owned(nothing, full), { setIndex: 1, address: ip("10.1.0.2") }), full);
		expect(hint.cursors).toEqual(["", "4-0a010002"]);
		expect(draw(hint, { set, setIndex: 0 })[1]?.address).toEqual(ip("10.1.0.3"));
	});

	test("counts what it learns of as worth a look, and leaves out what is not ours any more", () => {
		const hint = owning(owned(nothing, full), ["4-0a010040-26"]);
		expect(hint).toMatchObject({ open: {}, full: "4-0a010040-26", stale: ["4-0a010040-26"] });
		expect(owning(hint, ["4-0a010040-26"])).toBe(hint);
		expect(doubted(hint, ["4-0a010000-30"])).toBe(hint);
	});

	test("passes a block on from those with something to try to the full ones, and back", () => {
		const names = ["4-0a010000-30", "4-0a010004-30", "4-0a010008-30"];
		const hint = names.reduce((before, name) => owned(before, { ...block(name), free: "0001" }), nothing);
		const filled = given(hint, { setIndex: 0, address: ip("10.1.0.7") });
		expect(filled).toMatchObject({ full: names[1], open: { "4-0a010000-30": "0001", "4-0a010008-30": "0001" } });
		expect(namesOf(given(filled, { setIndex: 0, address: ip("10.1.0.3") })).toSorted()).toEqual(names);
		expect(disowned(filled, "4-0a010004-30")).toMatchObject({ full: "", open: filled.open });
		const seen = { fence: "9", blocks: names, looked: [block("4-0a010004-30")] };
		const free = { freeIn: (one: Block) => allBut(one, [ip("10.1.0.5"), ip("10.9.0.1")]), restsIn: () => false };
		expect(learned(filled, { ...seen, ...free } as unknown as Seen)).toMatchObject({
			fence: "9",
			full: "",
			open: { "4-0a010004-30": "1011" },
		});
	});

	test("is the same when it was written and read", () => {
		const word = fc.constantFrom("4-0a010000-26", "4-0a010040-26", "6-fd000000000000000000000000000000-122");
		const words = fc.uniqueArray(word);
		const hints = fc.record<Hint>({
			fence: fc.nat().map(String),
			cursors: fc.array(fc.constantFrom("", "4-0a010002")).map((all) => [...all, "4-0a010003"]),
			stale: words,
			spare: words,
			full: words.map((all) => all.join(" ")),
			open: fc.dictionary(word, fc.constantFrom("01".repeat(32), "1".repeat(64))),
		});
		fc.assert(fc.property(hints, (hint) => expect(parseHint(formatHint(hint))).toEqual(hint)));
		expect(parseHint(formatHint(nothing))).toEqual(nothing);
	});

	test.each([
		"",
		"\0\0\0",
		`{"fence":"7","blocks":{"4-0a010000-26":"fffffffffffffffc"},"stale":[],"spare":[],"cursors":["10.1.0.1"]}`,
		"seven\n\n\n\n\n4-0a010000-30 1111",
	])("that is none of this kind says nothing: %j", (text) => {
		expect(parseHint(text)).toBe(nothing);
	});

	test.each([
		"4-0a010000-30",
		"4-0a010000-30 ",
		"4-0a010000-30 11111",
		"4-0a010000-30 xxxx",
		"4-0a010000-0 1",
		"4-0a010000-99 1",
		"x 1",
		" 1",
		"__proto__ 1",
	])("that is damaged has nothing to try: %j", (line) => {
		const damaged = parseHint(`7\n4-x\n\n\n\n${line}`);
		expect(draw(damaged, { set, setIndex: 0 })).toEqual([damaged, undefined]);
	});
});

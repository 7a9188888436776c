import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { formatAddress, parseAddress } from "../../../lib/ip/address.ts";
import { doubted, draw, given, owned, owning } from "../../../lib/ipam/etcd-store/beliefs.ts";
import { blockName, parseBlock } from "../../../lib/ipam/etcd-store/block.ts";
import { allOf, bitOf, firstFree } from "../../../lib/ipam/etcd-store/free-block.ts";
import type { Hint } from "../../../lib/ipam/etcd-store/hint.ts";
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
const nothing: Hint = { fence: "0", blocks: {}, stale: [], cursors: [] };

describe("the first free address of some blocks", () => {
	test("is that of looking at one after the other, from the one after the cursor on", () => {
		const names = ["4-0a010000-28", "4-0a010020-28"];
		const set = parseRangeSet([{ subnet: "10.1.0.0/26", rangeStart: "10.1.0.3", rangeEnd: "10.1.0.42" }]);
		const value = fc.bigInt({ min: 0n, max: 0xffffn });
		fc.assert(
			fc.property(value, value, fc.integer({ min: 0, max: 63 }), (first, second, at) => {
				const blocks = names.map((name, index) => ({ ...block(name), free: index === 0 ? first : second }));
				const cursor = ip(`10.1.0.${at}`);
				const order = Array.from({ length: 64 }, (_, step) => ip(`10.1.0.${(at + 1 + step) % 64}`));
				const start =
					rangeOf(set, cursor) === undefined ? [...order].sort((a, b) => (a.value < b.value ? -1 : 1)) : order;
				const expected = start.find(
					(address) =>
						rangeOf(set, address) !== undefined && blocks.some((one) => (one.free & bitOf(one, address)) !== 0n),
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
		expect(firstFree(set, { blocks: [{ ...own, free: 3n }] })).toBeUndefined();
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
		expect(hint).toEqual({ ...nothing, blocks: { [blockName(own)]: "3" }, cursors: ["10.1.0.3"] });
	});

	test("does not try what was given on request, nor forget it when the block is claimed for a second set", () => {
		const hint = owned(given(owned(nothing, full), { setIndex: 1, address: ip("10.1.0.2") }), full);
		expect(hint.cursors).toEqual([null, "10.1.0.2"]);
		expect(draw(hint, { set, setIndex: 0 })[1]?.address).toEqual(ip("10.1.0.3"));
	});

	test("counts what it learns of as worth a look, and leaves out what is not ours any more", () => {
		const hint = owning(owned(nothing, full), ["4-0a010040-26"]);
		expect(hint).toMatchObject({ blocks: { "4-0a010040-26": "0" }, stale: ["4-0a010040-26"] });
		expect(owning(hint, ["4-0a010040-26"])).toBe(hint);
		expect(doubted(hint, ["4-0a010000-30"])).toBe(hint);
	});

	test.each([{ "4-0a010000-30": "" }, { "4-0a010000-30": "x" }, { "4-0a010000-30": 3 }, { "": "ff" }, ["ff"]])(
		"that is damaged has nothing to try: %j",
		(blocks) => {
			const damaged = { ...nothing, blocks: blocks as Hint["blocks"] };
			expect(draw(damaged, { set, setIndex: 0 })).toEqual([damaged, undefined]);
		},
	);
});

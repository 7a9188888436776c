import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type IpAddress, parseAddress } from "../../../lib/ip/address.ts";
import { type RangeText, rangeContains } from "../../../lib/ipam/range.ts";
import { parseRangeSet, type RangeSet } from "../../../lib/ipam/range-set.ts";
import { roundRobin } from "../../../lib/ipam/round-robin.ts";

const slash29 = [{ subnet: "192.168.1.0/29" }];

describe("the order in which addresses are tried", () => {
	test.each([
		["from the beginning", undefined, [2, 3, 4, 5, 6]],
		["with the cursor at the end", "192.168.1.6", [2, 3, 4, 5, 6]],
		["with the cursor in the middle", "192.168.1.3", [4, 5, 6, 2, 3]],
		["with the cursor at the gateway", "192.168.1.1", [2, 3, 4, 5, 6]],
		["with the cursor outside", "10.0.0.128", [2, 3, 4, 5, 6]],
	])("%s", (_name, cursor, expected) => {
		expect(order(parseRangeSet(slash29), cursor).map((value) => Number(value & 0xffn))).toEqual(expected);
	});

	const twoRanges = [
		{ subnet: "192.168.1.0/30", rangeStart: "192.168.1.0", rangeEnd: "192.168.1.3" },
		{ subnet: "192.168.2.0/30", rangeStart: "192.168.2.0", rangeEnd: "192.168.2.3" },
	];

	test("after the end of one range comes the start of the next", () => {
		expect([...roundRobin(parseRangeSet(twoRanges), address("192.168.1.3"))][0]?.first).toBe(0xc0a80200n);
	});

	test("without a cursor it starts with the first range", () => {
		expect([...roundRobin(parseRangeSet(twoRanges), undefined)][0]?.first).toBe(0xc0a80100n);
	});

	test("a range of 2^64 addresses is as short as any", () => {
		const spans = [...roundRobin(parseRangeSet([{ subnet: "2001:db8::/64" }]), address("2001:db8::9"))];
		expect(spans).toHaveLength(2);
	});

	test("it is the order of a walker that takes one step at a time", () => {
		const anySet = fc
			.array(fc.record({ size: fc.integer({ min: 2, max: 4 }), gateway: fc.nat(20) }), { minLength: 1, maxLength: 4 })
			.map((ranges) => parseRangeSet(ranges.map(toRangeText)));
		fc.assert(
			fc.property(anySet, fc.option(fc.tuple(fc.nat(3), fc.nat(15)), { nil: undefined }), (set, at) => {
				const cursor = at === undefined ? undefined : `10.0.${at[0]}.${at[1]}`;
				expect(order(set, cursor)).toEqual(walk(set, address(cursor)));
			}),
		);
	});
});

function toRangeText({ size, gateway }: { size: number; gateway: number }, index: number): RangeText {
	return { subnet: `10.0.${index}.0/${32 - size}`, gateway: `10.0.${index}.${gateway}` };
}

function address(text: string | undefined): IpAddress | undefined {
	return text === undefined ? undefined : parseAddress(text);
}

function order(set: RangeSet, cursor: string | undefined): readonly bigint[] {
	return [...roundRobin(set, address(cursor))].flatMap(({ first, last }) =>
		Array.from({ length: Number(last - first) + 1 }, (_, step) => first + BigInt(step)),
	);
}

/** The contract's description, word for word: a step at a time until the first address comes again. */
function walk(set: RangeSet, cursor: IpAddress | undefined): readonly bigint[] {
	const start = cursor === undefined ? -1 : set.findIndex((range) => rangeContains(range, cursor));
	let index = Math.max(start, 0);
	let value = start >= 0 && cursor !== undefined ? cursor.value : undefined;
	let remembered: bigint | undefined;
	const found: bigint[] = [];
	for (;;) {
		const range = set[index];
		if (range === undefined) throw new Error("no range");
		if (value === undefined) value = range.start.value;
		else if (value === range.end.value) {
			index = (index + 1) % set.length;
			value = set[index]?.start.value ?? 0n;
		} else value += 1n;
		if (value === remembered) return found;
		remembered ??= value;
		if (set[index]?.gateway.value !== value) found.push(value);
	}
}

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseAddress } from "../../../lib/ip/address.ts";
import { type AddedPool, extendSets, objectionTo } from "../../../lib/ipam/added-pools.ts";
import { layoutOf } from "../../../lib/ipam/etcd-store/layout.ts";
import { poolGuards } from "../../../lib/ipam/etcd-store/pool-guards.ts";
import { formatPool, parsePool, parsePoolKey } from "../../../lib/ipam/etcd-store/pool-key.ts";
import { parseRange, type RangeText } from "../../../lib/ipam/range.ts";
import { formatRangeSet, parseRangeSet } from "../../../lib/ipam/range-set.ts";

const poolOf = (text: RangeText): AddedPool => {
	const range = parseRange(text);
	return { range, text: formatPool(range) };
};
const addressOf = (text: string) => parseAddress(text) ?? { family: 4 as const, value: 0n };
const pools = (...subnets: readonly string[]) => subnets.map((subnet) => poolOf({ subnet }));
const setsOf = (...sets: readonly (readonly string[])[]) =>
	sets.map((set) => parseRangeSet(set.map((subnet) => ({ subnet }))));

describe("the sets of a network with its pools", () => {
	test.each([
		["are those of the configuration where there are none", [["10.1.0.0/24"]], [], ["10.1.0.1-10.1.0.254"]],
		[
			"are extended by each pool, the first of its family",
			[["10.1.0.0/24"], ["fd01::/126"], ["10.2.0.0/24"]],
			["10.5.0.0/30", "10.6.0.0/30", "fd05::/126"],
			[
				"10.1.0.1-10.1.0.254,10.5.0.1-10.5.0.2,10.6.0.1-10.6.0.2",
				"fd01::1-fd01::3,fd05::1-fd05::3",
				"10.2.0.1-10.2.0.254",
			],
		],
		[
			"leave out what overlaps any of them",
			[["10.1.0.0/30"], ["10.2.0.0/30"]],
			["10.2.0.0/16"],
			["10.1.0.1-10.1.0.2", "10.2.0.1-10.2.0.2"],
		],
		[
			"leave out what overlaps a pool before it",
			[["10.1.0.0/30"]],
			["10.5.0.0/30", "10.5.0.0/16"],
			["10.1.0.1-10.1.0.2,10.5.0.1-10.5.0.2"],
		],
		["leave out a family that they do not have", [["10.1.0.0/30"]], ["fd05::/64"], ["10.1.0.1-10.1.0.2"]],
	] as const)("%s", (_, sets, added, expected) => {
		expect(extendSets(setsOf(...sets), { pools: pools(...added) }).map(formatRangeSet)).toEqual(expected);
	});

	test("are not extended before the configuration's own", () => {
		const sets = setsOf(["10.1.0.0/30"], ["10.2.0.0/30"]);
		const extended = (firstOwn: number) =>
			extendSets(sets, { pools: pools("10.5.0.0/30"), firstOwn }).map(({ length }) => length);
		expect([0, 1, 2].map(extended)).toEqual([
			[2, 1],
			[1, 2],
			[1, 1],
		]);
	});

	test("say why a range cannot extend them", () => {
		const [six, over] = ["fd05::/64", "10.0.0.0/8"].map((subnet) => parseRange({ subnet }));
		const sets = setsOf(["10.1.0.0/30"]);
		expect([six, over].map((range) => range && objectionTo(range, { sets }))).toEqual([
			"the network has no IPv6 range set that it could extend",
			"it overlaps 10.1.0.1-10.1.0.2",
		]);
	});
});

describe("the key of a pool", () => {
	const kv = (name: string, value: string) => ({
		key: `/p/network/net/pool/${name}`,
		value,
		createRevision: "1",
		modRevision: "1",
	});

	test("has the whole range, whatever of it was said", () => {
		const text = '{"subnet":"10.5.0.0/24","rangeStart":"10.5.0.1","rangeEnd":"10.5.0.254","gateway":"10.5.0.1"}';
		expect(poolOf({ subnet: "10.5.0.0/24" }).text).toBe(text);
		expect(parsePoolKey(kv("4-0a050000-24", text)).pool).toEqual(poolOf({ subnet: "10.5.0.0/24" }));
		expect(parsePoolKey(kv("4-0a050000-25", text)).pool).toBeUndefined();
		expect(parsePoolKey(kv("nonsense", text))).toMatchObject({ subnet: undefined, pool: undefined });
	});

	test("is used only when every byte is as we would write it", () => {
		const { text } = poolOf({ subnet: "10.5.0.0/24", rangeEnd: "10.5.0.9", gateway: "10.5.0.254" });
		expect(parsePool(text)).toBeDefined();
		const value = JSON.parse(text);
		for (const other of [
			"",
			"null",
			"[]",
			"{}",
			` ${text}`,
			JSON.stringify({ ...value, more: 1 }),
			JSON.stringify({ ...value, gateway: "fd00::1" }),
			JSON.stringify({ ...value, gateway: "::ffff:10.5.0.254" }),
			JSON.stringify({ ...value, rangeStart: "10.4.0.1" }),
			JSON.stringify({ ...value, rangeEnd: 9 }),
			JSON.stringify({ subnet: value.subnet }),
		]) {
			expect([other, parsePool(other)]).toEqual([other, undefined]);
		}
		fc.assert(
			fc.property(fc.nat(text.length), fc.string({ maxLength: 4, unit: "binary" }), fc.nat(4), (at, put, cut) => {
				const damaged = text.slice(0, at) + put + text.slice(at + cut);
				const pool = parsePool(damaged);
				expect(pool === undefined || formatPool(pool.range) === damaged).toBe(true);
			}),
		);
	});
});

test("an address in a pool is guarded by the key of that pool alone", () => {
	const layout = layoutOf("/p", "net");
	const [first, second] = pools("10.5.0.0/24", "10.6.0.0/24");
	const given = { pools: [first, second].flatMap((pool) => pool ?? []) };
	const guards = (...texts: readonly string[]) =>
		poolGuards(layout, { ...given, plans: texts.map((text) => ({ address: addressOf(text) })) });
	expect(guards("10.1.0.2", "fd00::1")).toEqual([]);
	expect(guards("10.6.0.2", "10.6.0.3")).toEqual([{ key: "/p/network/net/pool/4-0a060000-24", value: second?.text }]);
});

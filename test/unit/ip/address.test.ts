import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Address4, Address6 } from "ip-address";
import {
	addressFromBytes,
	addressPlus,
	addressToBytes,
	bitsOf,
	compareAddresses,
	type Family,
	formatAddress,
	formatPrefix,
	type IpAddress,
	lastAddressOf,
	networkOf,
	parseAddress,
	parsePrefix,
	prefixContains,
	prefixesOverlap,
} from "../../../lib/ip/address.ts";

const v4 = fc.nat(0xffff_ffff).map((value): IpAddress => ({ family: 4, value: BigInt(value) }));
/** With many zero groups, which is where the textual form is hard; IPv4-mapped ones are IPv4 addresses here. */
const v6 = fc
	.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
	.map((groups) => groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n))
	.filter((value) => value >> 32n !== 0xffffn)
	.map((value): IpAddress => ({ family: 6, value }));
const anyAddress = fc.oneof(v4, v6);
const anyPrefix = anyAddress.chain((address) => fc.nat(bitsOf(address.family)).map((length) => ({ address, length })));

function oracle(text: string, family: Family): Address4 | Address6 {
	return family === 4 ? new Address4(text) : new Address6(text);
}

describe("addresses beside the package ip-address", () => {
	test("every text that it writes is read as the same number, and back", () => {
		fc.assert(
			fc.property(anyAddress, ({ family, value }) => {
				const other = family === 4 ? Address4.fromBigInt(value) : Address6.fromBigInt(value);
				expect(formatAddress({ family, value })).toBe(other.correctForm());
				expect(parseAddress(other.correctForm())).toEqual({ family, value });
			}),
		);
	});

	test("the long form and upper case are read as the same number", () => {
		fc.assert(
			fc.property(v6, ({ value }) => {
				const text = Address6.fromBigInt(value).canonicalForm();
				expect(parseAddress(text.toUpperCase())).toEqual({ family: 6, value });
			}),
		);
	});

	test("networks, last addresses and membership agree", () => {
		fc.assert(
			fc.property(anyPrefix, anyAddress, (prefix, candidate) => {
				const { family } = prefix.address;
				const other = oracle(formatPrefix(prefix), family);
				expect(networkOf(prefix).address.value).toBe(other.startAddress().bigInt());
				expect(lastAddressOf(prefix).value).toBe(other.endAddress().bigInt());
				if (candidate.family !== family) expect(prefixContains(prefix, candidate)).toBe(false);
				else expect(prefixContains(prefix, candidate)).toBe(oracle(formatAddress(candidate), family).isInSubnet(other));
			}),
		);
	});

	test.each([
		["0.0.0.0", true],
		["255.255.255.255", true],
		["256.0.0.1", false],
		["1.2.3", false],
		["1.2.3.4.5", false],
		["01.2.3.4", false],
		[" 1.2.3.4", false],
		["1.2.3.4\n", false],
		["", false],
		["::", true],
		["::1", true],
		["1::", true],
		["1:2:3:4:5:6:7:8", true],
		["1:2:3:4:5:6:7::", true],
		["1:2:3:4:5:6:7:8::", false],
		["1:2:3:4:5:6:7", false],
		["1::2::3", false],
		[":1", false],
		["1:", false],
		[":::", false],
		["12345::", false],
		["g::", false],
		["fe80::1%eth0", false],
		["::1.2.3.4", true],
		["1.2.3.4::", false],
		["::1.2.3.04", false],
	])("%j is an address: %s", (text, valid) => {
		expect(parseAddress(text) !== undefined).toBe(valid);
	});

	test("an IPv4-mapped IPv6 address is the IPv4 address", () => {
		expect(parseAddress("::ffff:10.0.0.1")).toEqual({ family: 4, value: 0x0a000001n });
		expect(parsePrefix("::ffff:10.0.0.1/104")).toEqual({ address: { family: 4, value: 0x0a000001n }, length: 8 });
		expect(parsePrefix("::ffff:10.0.0.1/95")).toBeUndefined();
	});

	test.each(["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8 ", "::/129", "/8"])(
		"%j is no prefix",
		(text) => {
			expect(parsePrefix(text)).toBeUndefined();
		},
	);
});

describe("arithmetic", () => {
	test("bytes and back", () => {
		fc.assert(fc.property(anyAddress, (address) => expect(addressFromBytes(addressToBytes(address))).toEqual(address)));
	});

	test("steps go forth and back, and stop at either end", () => {
		fc.assert(
			fc.property(anyAddress, fc.bigInt({ min: -(2n ** 40n), max: 2n ** 40n }), (address, step) => {
				const moved = addressPlus(address, step);
				const inside = address.value + step >= 0n && address.value + step < 1n << BigInt(bitsOf(address.family));
				expect(moved !== undefined).toBe(inside);
				if (moved !== undefined) expect(addressPlus(moved, -step)).toEqual(address);
			}),
		);
	});

	test("the order is that of families and then of numbers", () => {
		fc.assert(
			fc.property(anyAddress, anyAddress, (a, b) => {
				expect(Math.sign(compareAddresses(a, b))).toBe(-Math.sign(compareAddresses(b, a)) + 0);
				if (a.family === b.family) expect(compareAddresses(a, b) < 0).toBe(a.value < b.value);
				else expect(compareAddresses(a, b) < 0).toBe(a.family === 4);
			}),
		);
	});

	test("two prefixes overlap when one contains the other's network, whichever comes first", () => {
		fc.assert(
			fc.property(anyPrefix, anyPrefix, (a, b) => {
				expect(prefixesOverlap(a, b)).toBe(prefixesOverlap(b, a));
				expect(prefixesOverlap(a, networkOf(a))).toBe(true);
			}),
		);
	});
});

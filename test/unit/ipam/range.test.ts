import { describe, expect, test } from "@jest/globals";
import { formatAddress, formatPrefix, parseAddress } from "../../../lib/ip/address.ts";
import {
	type AddressRange,
	parseRange,
	type RangeText,
	rangeContains,
	rangeSize,
	rangesOverlap,
} from "../../../lib/ipam/range.ts";

function texts({ subnet, start, end, gateway }: AddressRange): readonly string[] {
	return [formatPrefix(subnet), ...[start, end, gateway].map(formatAddress)];
}

function contains(range: AddressRange, text: string): boolean {
	const address = parseAddress(text);
	return address !== undefined && rangeContains(range, address);
}

describe("what a range leaves out is filled in", () => {
	test.each<[RangeText, readonly string[]]>([
		[{ subnet: "192.0.2.0/24" }, ["192.0.2.0/24", "192.0.2.1", "192.0.2.254", "192.0.2.1"]],
		[{ subnet: "192.0.2.0/25" }, ["192.0.2.0/25", "192.0.2.1", "192.0.2.126", "192.0.2.1"]],
		[
			{ subnet: "2001:DB8:1::/64" },
			["2001:db8:1::/64", "2001:db8:1::1", "2001:db8:1:0:ffff:ffff:ffff:ffff", "2001:db8:1::1"],
		],
		[
			{ subnet: "192.0.2.0/24", rangeStart: "192.0.2.40", rangeEnd: "192.0.2.50", gateway: "192.0.2.254" },
			["192.0.2.0/24", "192.0.2.40", "192.0.2.50", "192.0.2.254"],
		],
		[
			{ subnet: "10.0.0.0/24", rangeStart: "", rangeEnd: "", gateway: "172.16.0.1" },
			["10.0.0.0/24", "10.0.0.1", "10.0.0.254", "172.16.0.1"],
		],
		[
			{ subnet: "10.0.0.0/24", rangeStart: "10.0.0.0", rangeEnd: "10.0.0.255" },
			["10.0.0.0/24", "10.0.0.0", "10.0.0.255", "10.0.0.1"],
		],
	])("%j", (text, expected) => {
		expect(texts(parseRange(text))).toEqual(expected);
	});
});

describe("a wrong range is refused in the reference's words", () => {
	test.each<[RangeText, string]>([
		[{}, "IP <nil> not v4 nor v6"],
		[{ subnet: "10.1.2.0" }, "invalid CIDR address: 10.1.2.0"],
		[{ subnet: "10.1.2.0/24", gateway: "10.1.2.256" }, "invalid IP address: 10.1.2.256"],
		[{ subnet: "::ffff:10.0.0.0/104" }, "IPNet IP and Mask version mismatch"],
		[
			{ subnet: "192.0.2.12/24" },
			"Network has host bits set. For a subnet mask of length 24 the network address is 192.0.2.0",
		],
		[
			{ subnet: "2001:DB8:1::24:19ff:fee1:c44a/64" },
			"Network has host bits set. For a subnet mask of length 64 the network address is 2001:db8:1::",
		],
		[
			{ subnet: "2001:DB8:24:19ff::/63" },
			"Network has host bits set. For a subnet mask of length 63 the network address is 2001:db8:24:19fe::",
		],
		[
			{ subnet: "192.168.127.0/23" },
			"Network has host bits set. For a subnet mask of length 23 the network address is 192.168.126.0",
		],
		[{ subnet: "192.0.2.0/31" }, "Network 192.0.2.0/31 too small to allocate from"],
		[{ subnet: "2001:db8::/127" }, "Network 2001:db8::/127 too small to allocate from"],
		[{ subnet: "192.0.2.0/24", rangeStart: "192.0.3.0" }, "RangeStart 192.0.3.0 not in network 192.0.2.0/24"],
		[{ subnet: "192.0.2.0/24", rangeStart: "2001:db8::1" }, "RangeStart 2001:db8::1 not in network 192.0.2.0/24"],
		[{ subnet: "192.0.2.0/24", rangeEnd: "192.0.4.0" }, "RangeEnd 192.0.4.0 not in network 192.0.2.0/24"],
		[{ subnet: "192.0.2.0/24", rangeEnd: "192.0.2.0" }, "RangeEnd 192.0.2.0 not in network 192.0.2.0/24"],
		[
			{ subnet: "192.0.2.0/24", rangeStart: "192.0.2.50", rangeEnd: "192.0.2.40" },
			"RangeStart 192.0.2.50 not in network 192.0.2.0/24",
		],
	])("%j", (text, message) => {
		expect(() => parseRange(text)).toThrow(expect.objectContaining({ message, code: 7 }));
	});
});

describe("membership", () => {
	const v4 = parseRange({ subnet: "192.0.2.0/24", rangeStart: "192.0.2.40", rangeEnd: "192.0.2.50" });
	const v6 = parseRange({ subnet: "2001:db8::/64", rangeStart: "2001:db8::40", rangeEnd: "2001:db8::50" });

	test.each([
		[v4, "192.0.3.45", false],
		[v4, "192.0.2.39", false],
		[v4, "192.0.2.40", true],
		[v4, "192.0.2.50", true],
		[v4, "192.0.2.51", false],
		[v6, "2001:db8:1::45", false],
		[v6, "2001:db8::39", false],
		[v6, "2001:db8::40", true],
		[v6, "2001:db8::50", true],
		[v6, "2001:db8::51", false],
		[v4, "2001:db8::45", false],
	] as const)("%# %s", (range, text, expected) => {
		expect(contains(range, text)).toBe(expected);
	});

	test("the size leaves out the gateway, where it lies in the range", () => {
		expect(rangeSize(parseRange({ subnet: "10.0.0.0/29" }))).toBe(5n);
		expect(rangeSize(v4)).toBe(11n);
		expect(rangeSize(parseRange({ subnet: "2001:db8::/64" }))).toBe(2n ** 64n - 2n);
	});
});

describe("overlap, in either order", () => {
	test.each<[RangeText, RangeText, boolean]>([
		[{ subnet: "10.0.0.0/24" }, { subnet: "10.0.1.0/24" }, false],
		[{ subnet: "0.0.0.0/24" }, { subnet: "::/24" }, false],
		[{ subnet: "10.0.0.0/24" }, { subnet: "10.0.0.0/24" }, true],
		[{ subnet: "10.0.0.0/20" }, { subnet: "10.0.1.0/24" }, true],
		[{ subnet: "10.0.0.0/24", rangeEnd: "10.0.0.127" }, { subnet: "10.0.0.0/24", rangeStart: "10.0.0.128" }, false],
		[{ subnet: "10.0.0.0/24", rangeEnd: "10.0.0.127" }, { subnet: "10.0.0.0/24", rangeStart: "10.0.0.127" }, true],
	])("%j and %j: %s", (a, b, expected) => {
		expect(rangesOverlap(parseRange(a), parseRange(b))).toBe(expected);
		expect(rangesOverlap(parseRange(b), parseRange(a))).toBe(expected);
	});
});

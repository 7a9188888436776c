import { describe, expect, test } from "@jest/globals";
import { type IpAddress, parseAddress } from "../../../lib/ip/address.ts";
import { formatRangeSet, parseRangeSet, requireRangeOf, setSize, setsOverlap } from "../../../lib/ipam/range-set.ts";

function ip(text: string): IpAddress {
	const address = parseAddress(text);
	if (address === undefined) throw new Error(`no address: ${text}`);
	return address;
}

describe("range sets", () => {
	const set = parseRangeSet([{ subnet: "192.168.0.0/24" }, { subnet: "172.16.1.0/24" }]);

	test("the range of an address is the one that contains it", () => {
		expect(requireRangeOf(set, ip("192.168.0.55"))).toBe(set[0]);
		expect(requireRangeOf(set, ip("172.16.1.55"))).toBe(set[1]);
	});

	test("an address outside is refused with the set's text", () => {
		expect(() => requireRangeOf(set, ip("192.168.99.99"))).toThrow(
			"192.168.99.99 not in range set 192.168.0.1-192.168.0.254,172.16.1.1-172.16.1.254",
		);
	});

	test("text and size", () => {
		expect(formatRangeSet(set)).toBe("192.168.0.1-192.168.0.254,172.16.1.1-172.16.1.254");
		expect(setSize(set)).toBe(506n);
	});

	test.each([
		[[], "empty range set"],
		[[{ subnet: "10.1.0.0/22" }, { subnet: "2001:db8:5::/64" }], "mixed address families"],
		[
			[{ subnet: "192.168.0.0/20" }, { subnet: "192.168.2.0/24" }],
			"subnets 192.168.0.1-192.168.15.254 and 192.168.2.1-192.168.2.254 overlap",
		],
	])("%j is refused: %s", (texts, message) => {
		expect(() => parseRangeSet(texts)).toThrow(message);
	});

	test("two sets overlap when two of their ranges do", () => {
		const wide = parseRangeSet([{ subnet: "192.168.0.0/20" }]);
		const narrow = parseRangeSet([{ subnet: "192.168.2.0/24" }]);
		expect([setsOverlap(wide, narrow), setsOverlap(narrow, wide)]).toEqual([true, true]);
		expect(setsOverlap(wide, parseRangeSet([{ subnet: "172.16.2.0/24" }]))).toBe(false);
	});
});

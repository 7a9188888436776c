import { describe, expect, test } from "@jest/globals";
import { decodeDocument } from "../../../lib/cni/schema.ts";
import type { SpecVersion } from "../../../lib/cni/version.ts";
import { formatAddress, formatPrefix } from "../../../lib/ip/address.ts";
import { formatRangeSet } from "../../../lib/ipam/range-set.ts";
import { rangeSchema } from "../../../lib/range-ipam/config.ts";
import { describePools, describeWanted } from "../../../lib/range-ipam/description.ts";

/** Each set as `subnet start-end gateway` of its ranges. */
function pools(document: object, version: SpecVersion = "0.3.1"): readonly string[][] {
	const { sets } = describePools(decodeDocument(rangeSchema, document), version);
	return sets.map((set) =>
		set.map((range) => `${formatPrefix(range.subnet)} ${formatRangeSet([range])} ${formatAddress(range.gateway)}`),
	);
}

function requested(document: object, args = ""): readonly string[] {
	return describeWanted(decodeDocument(rangeSchema, document), args).requested.map(formatAddress);
}

const legacy = { subnet: "10.1.2.0/24", rangeStart: "10.1.2.9", rangeEnd: "10.1.2.20", gateway: "10.1.2.30" };
const legacyPool = "10.1.2.0/24 10.1.2.9-10.1.2.20 10.1.2.30";

describe("pools", () => {
	test("a legacy subnet is a set of one range", () => {
		expect(pools({ ipam: legacy })).toEqual([[legacyPool]]);
	});

	test("sets of ranges, each filled in where it is bare", () => {
		const other = { subnet: "11.1.2.0/24", rangeStart: "11.1.2.9", rangeEnd: "11.1.2.20", gateway: "11.1.2.30" };
		expect(pools({ ipam: { ranges: [[legacy, { subnet: "10.1.4.0/24" }], [other]] } })).toEqual([
			[legacyPool, "10.1.4.0/24 10.1.4.1-10.1.4.254 10.1.4.1"],
			["11.1.2.0/24 11.1.2.9-11.1.2.20 11.1.2.30"],
		]);
	});

	test("those of the runtime come first, then the legacy one", () => {
		const document = {
			runtimeConfig: { ipRanges: [[{ subnet: "12.1.3.0/24" }]], somethingElse: true },
			ipam: { ...legacy, ranges: [[{ subnet: "11.1.2.0/24" }]] },
		};
		expect(pools(document).map(([first = ""]) => first.split(" ")[0])).toEqual([
			"12.1.3.0/24",
			"10.1.2.0/24",
			"11.1.2.0/24",
		]);
	});

	test("keys match whatever their case", () => {
		expect(pools({ IPAM: { Ranges: [[{ SUBNET: "10.1.2.0/24", rangestart: "10.1.2.9" }]] } })).toEqual([
			["10.1.2.0/24 10.1.2.9-10.1.2.254 10.1.2.1"],
		]);
	});

	test.each<[object, string]>([
		[{}, "IPAM config missing 'ipam' key"],
		[{ ipam: null }, "IPAM config missing 'ipam' key"],
		[{ ipam: {} }, "no IP ranges specified"],
		[{ ipam: { rangeStart: "10.1.2.9" } }, "no IP ranges specified"],
		[{ ipam: { ranges: [[]] } }, "invalid range set 0: empty range set"],
		[{ ipam: { ranges: [null] } }, "invalid range set 0: empty range set"],
		[{ ipam: { ranges: [[{ subnet: "10.1.2.0/24" }], [{}]] } }, "invalid range set 1: IP <nil> not v4 nor v6"],
		[
			{ ipam: { ranges: [[{ subnet: "10.1.2.0/24" }, { subnet: "10.2.2.0/24" }], [{ subnet: "10.1.2.0/24" }]] } },
			"range set 0 overlaps with 1",
		],
		[
			{ ipam: { ranges: [[{ subnet: "10.1.0.0/22" }, { subnet: "10.1.2.0/24" }]] } },
			"invalid range set 0: subnets 10.1.0.1-10.1.3.254 and 10.1.2.1-10.1.2.254 overlap",
		],
		[
			{ ipam: { ranges: [[{ subnet: "10.1.0.0/22" }, { subnet: "2001:db8:5::/64" }]] } },
			"invalid range set 0: mixed address families",
		],
		[{ ipam: { subnet: "10.1.2.0/24", cooldown: -1 } }, `Cannot use "ipam.cooldown" -1: it is negative`],
		[{ ipam: { subnet: "10.1.2.0/24", routes: [{ gw: "10.1.2.1" }] } }, `it has no "dst"`],
		[{ ipam: { subnet: "10.1.2.0/24", routes: [{ dst: "10.1.2.1" }] } }, "invalid CIDR address: 10.1.2.1"],
		...[{ mtu: -1 }, { advmss: 2 ** 32 }, { priority: -5 }, { table: 2 ** 32 }, { table: -1 }, { scope: 256 }].map(
			(numbers): [object, string] => [
				{ ipam: { subnet: "10.1.2.0/24", routes: [{ dst: "10.9.0.0/16", ...numbers }] } },
				`Cannot use "${Object.keys(numbers)[0]}" ${Object.values(numbers)[0]} of a route in "ipam.routes"`,
			],
		),
	])("%j is refused: %s", (document, message) => {
		expect(() => pools(document)).toThrow(
			expect.objectContaining({ code: 7, message: expect.stringContaining(message) }),
		);
	});

	test("before 0.3.0 there is room for one address of each family", () => {
		const ranges = (...subnets: string[]) => ({ ipam: { ranges: subnets.map((subnet) => [{ subnet }]) } });
		expect(() => pools(ranges("10.1.2.0/24", "10.2.2.0/24"), "0.2.0")).toThrow(
			"CNI version 0.2.0 does not support more than 1 address per family",
		);
		expect(pools(ranges("10.1.2.0/24", "2001:db8:1::/48"), "0.2.0")).toHaveLength(2);
	});

	test("routes are passed on with all their keys", () => {
		const routes = [
			{ dst: "0.0.0.0/0" },
			{ dst: "10.9.0.7/16", gw: "10.1.2.9", mtu: 1400, advmss: 1360, priority: 5, table: 0, scope: 0 },
		];
		const described = describePools(decodeDocument(rangeSchema, { ipam: { ...legacy, routes } }), "1.1.0").routes;
		expect(
			described.map(({ dst, gw, ...rest }) => ({
				dst: formatPrefix(dst),
				...(gw && { gw: formatAddress(gw) }),
				...rest,
			})),
		).toEqual(routes);
	});
});

describe("requested addresses", () => {
	const ipam = { subnet: "10.1.2.0/24" };

	test.each<[string, readonly string[]]>([
		["IP=10.1.2.10", ["10.1.2.10"]],
		["IP=10.1.2.11/24", ["10.1.2.11"]],
		["IP=", []],
		["K8S_POD_NAME=x;IgnoreUnknown=1", []],
	])("CNI_ARGS %s", (args, expected) => {
		expect(requested({ ipam }, args)).toEqual(expected);
	});

	test.each([
		["as addresses", ["10.1.2.11", "11.11.11.11", "2001:db8:1::11"]],
		["with prefixes", ["10.1.2.11/24", "11.11.11.11/24", "2001:db8:1::11/64"]],
	])("args.cni.ips come after CNI_ARGS (%s)", (_name, ips) => {
		expect(requested({ ipam, args: { cni: { ips } } }, "IP=10.1.2.10")).toEqual([
			"10.1.2.10",
			"10.1.2.11",
			"11.11.11.11",
			"2001:db8:1::11",
		]);
	});

	test("runtimeConfig.ips come last", () => {
		const document = {
			ipam,
			args: { cni: { ips: ["10.1.2.9"] } },
			runtimeConfig: { ips: ["192.168.0.1", "192.168.0.5/24", "2001:db8::1/64"] },
		};
		expect(requested(document)).toEqual(["10.1.2.9", "192.168.0.1", "192.168.0.5", "2001:db8::1"]);
	});

	test.each<[object, string, { code: number; message: unknown }]>([
		[
			{ ipam },
			"IP=nonsense",
			{ code: 4, message: `ARGS: error parsing value of pair "IP=nonsense": invalid IP address nonsense` },
		],
		[
			{ ipam },
			"IP=../../etc/passwd",
			{ code: 4, message: expect.stringContaining("invalid IP address ../../etc/passwd") },
		],
		[{ ipam }, "K8S_POD_NAME=x", { code: 4, message: `ARGS: unknown args ["K8S_POD_NAME=x"]` }],
		[{ ipam, args: { cni: { ips: ["10.1.2"] } } }, "", { code: 7, message: "invalid IP address 10.1.2" }],
		[{ ipam, args: { cni: { ips: [""] } } }, "", { code: 7, message: "cannot understand ip: IP <nil> not v4 nor v6" }],
		[
			{ ipam, runtimeConfig: { ips: [null] } },
			"",
			{ code: 7, message: "cannot understand ip: IP <nil> not v4 nor v6" },
		],
	])("%j with CNI_ARGS %j is refused", (document, args, error) => {
		expect(() => requested(document, args)).toThrow(expect.objectContaining({ ...error }));
	});
});

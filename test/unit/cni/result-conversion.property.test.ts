import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { decodeResult } from "../../../lib/cni/decode-result.ts";
import { encodeResult, formatJson } from "../../../lib/cni/encode-result.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { resultFamilyOf, type SpecVersion, specVersions } from "../../../lib/cni/version.ts";
import { parseAddress, parsePrefix } from "../../../lib/ip/address.ts";
import { expectResultOf } from "../../contract/result-shape.ts";
import { arbitraryResult, asLegacy, asLists } from "./arbitrary-result.ts";

/** What a reader has of a result that was printed in a version; undefined where it cannot be. */
function through(result: Result, version: SpecVersion): Result {
	return decodeResult(JSON.parse(formatJson(encodeResult(result, version))), { assumedVersion: version });
}

/** The same, as the specification says it. */
function expected(result: Result, version: SpecVersion): Result | undefined {
	switch (resultFamilyOf(version)) {
		case "current":
			return result;
		case "lists":
			return asLists(result);
		case "legacy":
			return asLegacy(result);
	}
}

const noAddress = "cannot convert: no valid IP addresses";

describe.each(specVersions)("a result printed as %s", (version) => {
	test("has the keys of that version, and leaves out what is empty", () => {
		fc.assert(
			fc.property(arbitraryResult, (result) => {
				if (expected(result, version) === undefined) {
					expect(() => encodeResult(result, version)).toThrow(noAddress);
				} else {
					expectResultOf(version, JSON.parse(formatJson(encodeResult(result, version))));
				}
			}),
		);
	});

	test("and read again is what the version can say of it", () => {
		fc.assert(
			fc.property(arbitraryResult, (result) => {
				const wanted = expected(result, version);
				if (wanted !== undefined) expect(through(result, version)).toEqual(wanted);
			}),
		);
	});

	test("and read and printed again in the same version is the same to the letter", () => {
		fc.assert(
			fc.property(arbitraryResult, (result) => {
				if (expected(result, version) === undefined) return;
				const once = formatJson(encodeResult(result, version));
				const twice = decodeResult(JSON.parse(once), { assumedVersion: "0.4.0" });
				expect(formatJson(encodeResult(twice, version))).toBe(once);
			}),
		);
	});
});

test("what survives two versions, in any order, survives each of them", () => {
	const version = fc.constantFrom(...specVersions);
	fc.assert(
		fc.property(arbitraryResult, version, version, (result, first, second) => {
			const one = expected(result, first);
			const both = one === undefined ? undefined : expected(one, second);
			if (both !== undefined) expect(through(through(result, first), second)).toEqual(both);
		}),
		{ numRuns: 500 },
	);
});

describe("single rules", () => {
	const prefix = (text: string) => parsePrefix(text) as NonNullable<ReturnType<typeof parsePrefix>>;
	const empty: Result = { interfaces: [], ips: [], routes: [], dns: {} };

	test("zeros: table and scope are said, mtu, advmss and priority are not", () => {
		const route = { dst: prefix("10.0.0.0/8"), mtu: 0, advmss: 0, priority: 0, table: 0, scope: 0 };
		const encoded = encodeResult({ ...empty, routes: [route] }, "1.1.0");
		expect(encoded.routes).toEqual([{ dst: "10.0.0.0/8", scope: 0, table: 0 }]);
		const printed = encodeResult({ ...empty, interfaces: [{ name: "a", mtu: 0, mac: "", sandbox: "" }] }, "1.1.0");
		expect(printed.interfaces).toEqual([{ name: "a" }]);
	});

	test("routes keep their keys down to 0.3.0, and lose all but destination and gateway in 0.2.0", () => {
		const gw = parseAddress("10.0.0.1");
		const route = { dst: prefix("10.0.0.0/8"), ...(gw === undefined ? {} : { gw }), mtu: 1400, table: 7 };
		const result = { ...empty, ips: [{ address: prefix("10.0.0.2/8") }], routes: [route] };
		expect(encodeResult(result, "0.3.0").routes).toEqual([{ dst: "10.0.0.0/8", gw: "10.0.0.1", mtu: 1400, table: 7 }]);
		expect(encodeResult(result, "0.2.0").ip4).toEqual({
			ip: "10.0.0.2/8",
			routes: [{ dst: "10.0.0.0/8", gw: "10.0.0.1" }],
		});
	});

	test("dns is always there until 0.4.0, and only with content from 1.0.0 on", () => {
		expect(encodeResult(empty, "0.4.0")).toEqual({ cniVersion: "0.4.0", dns: {} });
		expect(encodeResult({ ...empty, dns: { nameservers: [], search: [] } }, "1.0.0")).toEqual({ cniVersion: "1.0.0" });
	});

	test("null is an empty result, as is an object without keys", () => {
		expect(decodeResult(null, { assumedVersion: "1.1.0" })).toEqual(empty);
		for (const assumedVersion of ["", ...specVersions]) expect(decodeResult({}, { assumedVersion })).toEqual(empty);
	});

	test("null is the same as absent for every key", () => {
		const nulls = { cniVersion: null, interfaces: null, ips: null, routes: null, dns: null };
		expect(decodeResult(nulls, { assumedVersion: "1.0.0" })).toEqual(empty);
		const ip = { address: "10.0.0.2/24", gateway: null, interface: null };
		expect(decodeResult({ ips: [ip] }, { assumedVersion: "1.0.0" }).ips).toEqual([{ address: prefix("10.0.0.2/24") }]);
		expect(decodeResult({ ip4: null, ip6: null }, { assumedVersion: "0.2.0" })).toEqual(empty);
	});

	test.each<[string, unknown, string]>([
		["a list", [], '"result" must be an object, not a list'],
		["interfaces that are an object", { interfaces: {} }, '"interfaces" must be a list, not an object'],
		["an interface that is text", { interfaces: ["eth0"] }, '"interfaces[0]" must be an object, not the string "eth0"'],
		["an address that is a number", { ips: [{ address: 5 }] }, '"ips[0].address" must be a string, not the number 5'],
		["no address", { ips: [{}] }, '"ips[0].address" is missing'],
		["no destination", { routes: [{ gw: "10.0.0.1" }] }, '"routes[0].dst" is missing'],
		["an empty address", { ips: [{ address: "" }] }, 'invalid CIDR address: ""'],
		[
			"an address with a space around it",
			{ ips: [{ address: " 10.0.0.2/24" }] },
			'invalid CIDR address: " 10.0.0.2/24"',
		],
		["an address without length", { ips: [{ address: "10.0.0.2" }] }, "invalid CIDR address: 10.0.0.2"],
		["a gateway that is none", { ips: [{ address: "10.0.0.2/8", gateway: "x" }] }, "invalid IP address: x"],
		[
			"a table that is text",
			{ routes: [{ dst: "::/0", table: "7" }] },
			'"routes[0].table" must be an integer, not the string "7"',
		],
		[
			"an MTU beyond all bounds",
			{ routes: [{ dst: "::/0", mtu: Number.POSITIVE_INFINITY }] },
			'"routes[0].mtu" must be an integer, not the number Infinity',
		],
		["a name with NUL", { interfaces: [{ name: "a\0b" }] }, '"interfaces[0].name" must be a string without NUL'],
		["a search list that is text", { dns: { search: "x" } }, '"dns.search" must be a list, not the string "x"'],
		["a version that is a number", { cniVersion: 1 }, '"cniVersion" must be a string, not the number 1'],
	])("%s is refused with its place", (_, value, message) => {
		expect(() => decodeResult(value, { assumedVersion: "1.1.0" })).toThrow(message);
		expect(() => decodeResult(value, { assumedVersion: "1.1.0" })).toThrow(expect.objectContaining({ code: 6 }));
	});

	test("a version of another family is refused where the caller says so, and read where not", () => {
		const value = { cniVersion: "0.2.0", ip4: { ip: "10.0.0.2/24" } };
		expect(decodeResult(value, { assumedVersion: "1.1.0" }).ips).toHaveLength(1);
		const strict = () => decodeResult(value, { assumedVersion: "1.1.0", sameFamily: true });
		expect(strict).toThrow('result type supports [1.0.0 1.1.0] but unmarshalled CNIVersion is "0.2.0"');
		expect(() => decodeResult({ cniVersion: "3.0.0" }, { assumedVersion: "1.1.0" })).toThrow(
			'unsupported CNI result version "3.0.0"',
		);
	});

	test("any JSON is read or refused with code 6, 7 or 999", () => {
		fc.assert(
			fc.property(fc.jsonValue(), fc.constantFrom(...specVersions), (value, assumedVersion) => {
				try {
					decodeResult(value, { assumedVersion });
				} catch (thrown) {
					expect([6, 7, 999]).toContain((thrown as { code?: number }).code);
				}
			}),
		);
	});
});

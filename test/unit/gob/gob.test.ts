import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createDecoder } from "../../../lib/gob/decoder.ts";
import { createEncoder } from "../../../lib/gob/encoder.ts";
import { GobError, type GobObject, type GobStruct } from "../../../lib/gob/types.ts";
import { defaultPrefix, parseAddress, parsePrefix } from "../../../lib/ip/address.ts";
import { concatBytes, fromHex, toHex } from "../../../lib/linux/bytes.ts";
import {
	callArguments,
	decodeResult,
	encodeResult,
	nothing,
	requestHeader,
	responseHeader,
	resultType,
} from "../../../plugins/ipam/dhcp/wire.ts";

const bytes = (hex: string) => fromHex(hex.replaceAll(/\s/g, ""));
const hexOf = (type: GobStruct, value: GobObject) => toHex(createEncoder().encode(type, value));

function decodeAll(...parts: readonly Uint8Array[]): GobObject[] {
	const decoder = createDecoder();
	const values: GobObject[] = [];
	for (const part of parts) {
		decoder.push(part);
		for (let value = decoder.next(); value !== undefined; value = decoder.next()) values.push({ ...value });
	}
	return values;
}

/** As Go has sent them. */
const recorded = {
	request: `2e7f03010107526571756573740
		1ff80000102010d536572766963654d6574686f64010c0001035365710106000000 12ff80010d444843502e416c6c6f6361746500`,
	response: `397f03010108526573706f6e736501ff80000103010d536572766963654d6574686f64010c00010353657101060001054572726f72010c000000
		12ff80010d444843502e416c6c6f6361746500`,
	refusal: "21ff80010d444843502e416c6c6f63617465020d6e6f206d6f726520747269657300",
	nothing: "0aff95030102ff96000000 03ff9600",
	resultTypes: `
		51ff8103010106526573756c7401ff8200010501 0a434e4956657273696f6e010c00010a496e746572666163657301ff8600010349507301ff8c000106526f7574657301ff90000103444e5301ff92000000
		24ff85020101155b5d2a74797065733130302e496e7465726661636501ff860001ff840000
		4aff83030102ff84000106 01044e616d65010c0001034d6163010c0001034d747501040001 0753616e64626f78010c00010a536f636b657450617468010c0001055063694944010c000000
		23ff8b020101145b5d2a74797065733130302e4950436f6e66696701ff8c0001ff880000
		33ff87030102ff8800010301 09496e74657266616365010400010741646472657373 01ff8a00010747617465776179010a000000
		23ff8903010105 49504e657401ff8a000102 01024950010a0001044d61736b010a000000
		1dff8f0201010e5b5d2a74797065732e526f75746501ff900001ff8e0000
		50ff8d030102ff8e00010701 0344737401ff8a0001024757010a0001034d545501040001064164764d535301040001085072696f72697479010400 01055461626c65010400010553636f7065010400 0000
		46ff9103010103444e5301ff920001040 10b4e616d657365727665727301ff94000106446f6d61696e010c00010653656172636801ff940001074f7074696f6e7301ff94000000
		16ff93020101085b5d737472696e6701ff9400010c0000`,
	result: `4eff82 03 0102 0104c0a80105 0104ffffff00 00 0104c0a80101 00 01 02 01 010400000000 010400000000 00 0104c0a80101 030e 00
		01 01040a000000 0104ff000000 00 010400000000 05fe01fa 00 01 00 00`,
};

const result = {
	interfaces: [],
	ips: [{ address: prefix("192.168.1.5/24"), gateway: address("192.168.1.1") }],
	routes: [
		{ dst: defaultPrefix(4), gw: address("192.168.1.1"), priority: 7 },
		{ dst: prefix("10.0.0.0/8"), gw: address("0.0.0.0"), scope: 253 },
	],
	dns: {},
};

describe("gob", () => {
	it("writes headers as Go does, byte for byte", () => {
		expect(hexOf(requestHeader, { ServiceMethod: "DHCP.Allocate", Seq: 0 })).toBe(toHex(bytes(recorded.request)));
		expect(hexOf(responseHeader, { ServiceMethod: "DHCP.Allocate", Seq: 0, Error: "" })).toBe(
			toHex(bytes(recorded.response)),
		);
	});

	it("defines each type once", () => {
		const encoder = createEncoder();
		const first = encoder.encode(requestHeader, { ServiceMethod: "DHCP.Allocate" });
		const second = encoder.encode(requestHeader, { ServiceMethod: "DHCP.Allocate" });
		expect(toHex(first).endsWith(toHex(second))).toBe(true);
		expect(toHex(second)).toBe("12ff80010d444843502e416c6c6f6361746500");
	});

	it("reads what Go has sent, whatever numbers it gives to types, and in whatever pieces", () => {
		const parts = [recorded.response, recorded.refusal, recorded.nothing, recorded.resultTypes, recorded.result];
		const whole = concatBytes(parts.map(bytes));
		const values = decodeAll(whole);
		expect(values.slice(0, 3)).toEqual([
			{ ServiceMethod: "DHCP.Allocate" },
			{ ServiceMethod: "DHCP.Allocate", Error: "no more tries" },
			{},
		]);
		expect(decodeResult(values[3] ?? {})).toEqual(result);
		expect(decodeAll(...Array.from(whole, (byte) => new Uint8Array([byte])))).toEqual(values);
	});

	it("reads what it writes", () => {
		const stdin = new Uint8Array(300).map((_, index) => index);
		const args = { ContainerID: "cid", Netns: "/ns", IfName: "eth0", Path: "/p", StdinData: stdin };
		expect(decodeAll(createEncoder().encode(callArguments, args))).toEqual([args]);
		expect(decodeAll(createEncoder().encode(nothing, {}))).toEqual([{}]);
		const [value = {}] = decodeAll(createEncoder().encode(resultType, encodeResult(result)));
		expect(decodeResult(value)).toEqual(result);
	});

	it("reads any results that it writes", () => {
		const numbers = fc.integer({ min: 1, max: 2 ** 40 });
		const anyAddress = fc.bigInt(0n, 2n ** 32n - 1n).map((value) => ({ family: 4 as const, value }));
		const anyPrefix = fc.record({ address: anyAddress, length: fc.integer({ min: 0, max: 32 }) });
		const texts = fc.array(fc.string({ minLength: 1 }), { minLength: 1 });
		const anyResult = fc.record({
			interfaces: fc.constant([]),
			ips: fc.array(fc.record({ address: anyPrefix, gateway: anyAddress }, { requiredKeys: ["address"] })),
			routes: fc.array(
				fc.record({ dst: anyPrefix, gw: anyAddress, mtu: numbers, table: numbers }, { requiredKeys: ["dst"] }),
			),
			dns: fc.record({ nameservers: texts, search: texts, domain: fc.string({ minLength: 1 }) }, { requiredKeys: [] }),
		});
		fc.assert(
			fc.property(anyResult, (one) => {
				const [value = {}] = decodeAll(createEncoder().encode(resultType, encodeResult(one)));
				expect(decodeResult(value)).toEqual(one);
			}),
		);
	});

	it("refuses what is no gob, and neither hangs nor exhausts memory over it", () => {
		const tryDecode = (input: Uint8Array) => {
			try {
				decodeAll(input);
			} catch (thrown) {
				expect(thrown).toBeInstanceOf(GobError);
			}
		};
		fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), tryDecode), { numRuns: 2000 });
		// Mutations of what is right come further.
		const whole = concatBytes([recorded.resultTypes, recorded.result].map(bytes));
		const place = fc.tuple(fc.nat(whole.byteLength - 1), fc.nat(255));
		fc.assert(
			fc.property(fc.array(place, { minLength: 1, maxLength: 4 }), (changes) => {
				const mutated = whole.slice();
				for (const [index, byte] of changes) mutated[index] = byte;
				tryDecode(mutated);
			}),
			{ numRuns: 3000 },
		);
	});
});

function address(text: string) {
	const parsed = parseAddress(text);
	if (parsed === undefined) throw new Error(text);
	return parsed;
}

function prefix(text: string) {
	const parsed = parsePrefix(text);
	if (parsed === undefined) throw new Error(text);
	return parsed;
}

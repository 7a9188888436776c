import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseMessages as parseMessagesWithPackage, parseAttributes as parseWithPackage } from "netlink/dist/structs";
import {
	type Attribute,
	attribute,
	decodeAttributeList,
	decodeAttributes,
	encodeAttributes,
	findAttribute,
	type PlainAttribute,
	read,
} from "../../../lib/netlink/wire/attributes.ts";
import { decodeAcknowledgement, decodeMessages, encodeMessages } from "../../../lib/netlink/wire/message.ts";

const attributes = fc.array(
	fc.record({ type: fc.integer({ min: 0, max: 0x3fff }), payload: fc.uint8Array({ maxLength: 70 }) }),
	{ maxLength: 12 },
);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const sent = (one: Attribute) => decodeAttributeList(encodeAttributes([one]))[0]?.payload;
const plain = (list: readonly PlainAttribute[]) => list.map(({ type, payload }) => [type, hex(payload)]);

describe("attributes", () => {
	test("what is encoded is decoded, in order, and the package netlink reads the same", () => {
		fc.assert(
			fc.property(attributes, (list) => {
				const bytes = encodeAttributes(list);
				expect(bytes.byteLength % 4).toBe(0);
				expect(plain(decodeAttributeList(bytes))).toEqual(plain(list));
				const theirs: [number, string][] = [];
				parseWithPackage(Buffer.from(bytes), ({ type, data }) => theirs.push([type, hex(data)]));
				expect(theirs).toEqual(plain(list));
			}),
		);
	});

	test("of a repeated type the last counts", () => {
		const bytes = encodeAttributes([attribute.u32(1, 5), attribute.u32(2, 6), attribute.u32(1, 7)]);
		expect(read.u32(decodeAttributes(bytes).get(1))).toBe(7);
	});

	test("any bytes can be read; nothing is read beyond their end", () => {
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
				decodeAttributes(bytes);
				decodeAttributes(bytes.subarray(1));
				for (const { payload } of decodeAttributeList(bytes)) {
					expect(payload.byteOffset + payload.byteLength).toBeLessThanOrEqual(bytes.byteOffset + bytes.byteLength);
					read.nested(payload);
					read.string(payload);
					for (const number of [read.u8, read.u16, read.u32, read.u32be, read.u64be]) number(payload);
				}
			}),
		);
	});

	test("one that claims less than its header, or more than there is, ends the list", () => {
		const first = [...encodeAttributes([attribute.u8(1, 5)])];
		for (const broken of [
			[0, 0, 2, 0],
			[3, 0, 2, 0],
			[9, 0, 2, 0, 1, 2, 3, 4],
			[255, 255, 2, 0],
			[4, 0, 2],
		]) {
			expect(plain(decodeAttributeList(Uint8Array.from([...first, ...broken])))).toEqual([[1, "05"]]);
		}
		expect(plain(decodeAttributeList(Uint8Array.from([...first, 4, 0, 2, 0])))).toEqual([
			[1, "05"],
			[2, ""],
		]);
	});

	test("numbers and text come back as they went", () => {
		fc.assert(
			fc.property(
				fc.integer({ min: 0, max: 0xffff_ffff }),
				fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
				fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
				(number, big, text) => {
					expect(read.u32(sent(attribute.u32(1, number)))).toBe(number);
					expect(read.u32be(sent(attribute.u32be(1, number)))).toBe(number);
					expect(read.u16(attribute.u16(1, number & 0xffff).payload)).toBe(number & 0xffff);
					expect(read.u8(attribute.u8(1, number & 0xff).payload)).toBe(number & 0xff);
					expect(read.u64be(attribute.u64be(1, big).payload)).toBe(big);
					expect(read.string(attribute.string(1, text).payload)).toBe(text);
				},
			),
		);
	});

	test("nested ones carry the flag, and are read with it and without", () => {
		const inner = [attribute.u32(1, 5)];
		for (const outer of [attribute.nested(7, inner), attribute.nestedPlain(7, inner)]) {
			expect(read.u32(read.nested(decodeAttributes(encodeAttributes([outer])).get(7)).get(1))).toBe(5);
		}
		expect(attribute.nested(7, inner).type).toBe(0x8007);
	});

	test("a number or text is the same read at once or from its payload, whatever the bytes", () => {
		fc.assert(
			fc.property(attributes, fc.integer({ min: 0, max: 0x3fff }), (list, other) => {
				const bytes = encodeAttributes(list);
				const received = decodeAttributes(bytes);
				for (const type of [...list.map((each) => each.type), other]) {
					const payload = received.get(type);
					const first = list.find((each) => each.type === type)?.payload;
					expect(findAttribute(bytes, type)).toEqual(first);
					expect(received.u32(type)).toBe(read.u32(payload));
					expect(received.u32be(type)).toBe(read.u32be(payload));
					expect(received.string(type)).toBe(read.string(payload));
				}
			}),
		);
	});

	test("a payload too short for its number is absent", () => {
		for (const number of [read.u16, read.u32, read.u32be, read.u64be]) {
			expect(number(new Uint8Array(1))).toBeUndefined();
			expect(number(undefined)).toBeUndefined();
		}
	});
});

describe("messages", () => {
	const messages = fc.array(
		fc.record({
			type: fc.integer({ min: 16, max: 0xffff }),
			flags: fc.integer({ min: 0, max: 0xffff }),
			header: fc.uint8Array({ minLength: 0, maxLength: 16 }).map((bytes) => bytes.subarray(0, bytes.length & ~3)),
			attributes,
		}),
		{ minLength: 1, maxLength: 5 },
	);
	const number = fc.integer({ min: 0, max: 0xffff_ffff });

	test("several in one datagram come back, and the package netlink reads the same", () => {
		fc.assert(
			fc.property(messages, number, number, (list, sequence, portId) => {
				const datagram = Buffer.from(encodeMessages(list, { sequence, portId }));
				const decoded = decodeMessages(datagram);
				expect(decoded.map(({ type, flags, sequence: s, portId: p }) => [type, flags, s, p])).toEqual(
					list.map(({ type, flags }, index) => [type, flags | 1, (sequence + index) % 2 ** 32, portId]),
				);
				for (const [index, { header, attributes: wanted }] of list.entries()) {
					const body = decoded[index]?.body ?? new Uint8Array(0);
					expect(hex(body.subarray(0, header.length))).toBe(hex(header));
					expect(plain(decodeAttributeList(body.subarray(header.length)))).toEqual(plain(wanted));
				}
				const theirs = parseMessagesWithPackage(datagram);
				expect(theirs.map(({ type, flags, seq, port, data }) => [type, flags, seq, port, hex(data)])).toEqual(
					decoded.map(({ type, flags, sequence: s, portId: p, body }) => [type, flags, s, p, hex(body)]),
				);
			}),
		);
	});

	test("any datagram is read or refused, and any acknowledgement can be read", () => {
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 120 }), number, (bytes, flags) => {
				try {
					decodeMessages(bytes);
				} catch (thrown) {
					expect(String(thrown)).toContain("it ends within a message");
				}
				const { errno, text } = decodeAcknowledgement({ type: 2, flags, sequence: 0, portId: 0, body: bytes });
				expect([typeof errno, typeof text]).toEqual(["number", "string"]);
			}),
		);
	});
});

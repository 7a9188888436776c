import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { decodeDatagram, encodeDatagram } from "../../../lib/dhcp/datagram.ts";
import { leaseOf } from "../../../lib/dhcp/lease.ts";
import { type DhcpMessage, decodeReply, encodeRequest, noAddress } from "../../../lib/dhcp/message.ts";
import { decodeOptions, MessageType, optionCode } from "../../../lib/dhcp/options.ts";
import { formatAddress, formatPrefix, type IpAddress } from "../../../lib/ip/address.ts";
import { fromHex, toHex } from "../../../lib/linux/bytes.ts";

const address = (text: string): IpAddress => ({
	family: 4,
	value: text.split(".").reduce((value, octet) => value * 256n + BigInt(octet), 0n),
});

const request: DhcpMessage = {
	type: MessageType.discover,
	transaction: 0xdeadbeef,
	seconds: 3,
	broadcast: true,
	clientAddress: noAddress,
	yourAddress: noAddress,
	hardwareAddress: fromHex("020000000001"),
	options: new Map([
		[61, fromHex("0063")],
		[12, fromHex("626f62")],
	]),
};

/** The bytes of a server: an answer to what a client has sent. */
function reply(options: string, change: (bytes: Uint8Array) => void = () => {}): Uint8Array {
	const bytes = new Uint8Array(300);
	bytes.set(encodeRequest(request).subarray(0, 240));
	bytes[0] = 2;
	bytes.set(fromHex(options), 240);
	change(bytes);
	return bytes;
}

describe("messages", () => {
	it("are written with their options by code, and padded", () => {
		const bytes = encodeRequest(request);
		expect(bytes.byteLength).toBe(300);
		expect(toHex(bytes.subarray(0, 34))).toBe(`01010600deadbeef00038000${"00".repeat(16)}020000000001`);
		expect(toHex(bytes.subarray(236, 256))).toBe("638253630c03626f623501013d020063ff000000");
	});

	it("are read with options that go on in the fields for file and server name", () => {
		const bytes = reply("350102340103ff", (raw) => {
			raw.set(fromHex("0104ffff0000ff"), 108);
			raw.set(fromHex("03040a000001ff"), 44);
		});
		const options = decodeReply(bytes)?.options;
		expect([1, 3].map((code) => toHex(options?.get(code) ?? new Uint8Array(0)))).toEqual(["ffff0000", "0a000001"]);
	});

	it("join what an option has in several places, and leave out what is cut off", () => {
		const options = decodeOptions([fromHex("0c0161000c016203040a0000"), fromHex("0c0163")]);
		expect([...options].map(([code, value]) => [code, toHex(value)])).toEqual([[12, "616263"]]);
	});

	it.each([
		["too short", (bytes: Uint8Array) => bytes.subarray(0, 239)],
		["a client's", (bytes: Uint8Array) => bytes.with(0, 1)],
		["without the cookie", (bytes: Uint8Array) => bytes.with(236, 0)],
		["of too long a hardware address", (bytes: Uint8Array) => bytes.with(2, 17)],
		["without a type", () => reply("ff")],
		["of a type of two bytes", () => reply("35020505ff")],
	])("that are %s are none", (_, change) => {
		expect(decodeReply(change(reply("350105ff")))).toBeUndefined();
	});

	it("neither crash nor hang over any bytes", () => {
		const parse = (bytes: Uint8Array) => {
			const message = decodeReply(bytes);
			if (message !== undefined) leaseOf(message, { server: noAddress, via: new Uint8Array(6), from: 0 });
		};
		fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), parse));
		const options = fc.uint8Array({ maxLength: 60 });
		fc.assert(
			fc.property(options, (some) => parse(reply(`350105${toHex(some)}`))),
			{ numRuns: 3000 },
		);
	});
});

describe("datagrams", () => {
	const packet = encodeDatagram({
		source: noAddress,
		destination: address("255.255.255.255"),
		payload: encodeRequest(request),
	});
	/** The same packet as a server would send it. */
	const answer = packet.slice();
	answer.set([0, 67, 0, 68], 20);

	it("have the checksums that a kernel wants", () => {
		const sum = (bytes: Uint8Array, start = 0) => {
			let total = start;
			for (let i = 0; i < bytes.byteLength; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
			while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
			return total;
		};
		expect(sum(packet.subarray(0, 20))).toBe(0xffff);
		expect(sum(packet.subarray(12), 17 + packet.byteLength - 20)).toBe(0xffff);
	});

	it("are read from among what else comes in", () => {
		expect(decodeDatagram(answer)?.payload.byteLength).toBe(300);
		expect(decodeDatagram(packet)).toBeUndefined();
	});

	it.each([
		["of another version", 0, 0x65],
		["of another protocol", 9, 6],
		["a fragment", 6, 0x20],
		["longer than it is", 2, 0xff],
		["of a header that is too short", 0, 0x44],
		["of a header without end", 0, 0x4f],
		["of a length that its packet lacks", 24, 0xff],
	])("that are %s are none", (_, index, byte) => {
		const changed = decodeDatagram(answer.with(index, byte));
		if (changed !== undefined) expect(changed.payload.byteLength).toBeLessThan(300);
	});

	it("neither crash nor reach beyond their packet", () => {
		const changes = fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 5 });
		fc.assert(
			fc.property(changes, fc.nat(answer.byteLength), (list, length) => {
				const mutated = answer.slice(0, length);
				for (const [index, byte] of list) if (index < length) mutated[index] = byte;
				const payload = decodeDatagram(mutated)?.payload;
				if (payload !== undefined) expect(payload.byteOffset + payload.byteLength).toBeLessThanOrEqual(length);
			}),
			{ numRuns: 3000 },
		);
	});
});

describe("leases", () => {
	function read(options: Readonly<Record<number, string>>) {
		const message = { ...request, type: MessageType.ack, yourAddress: address("10.1.2.3") };
		const entries = Object.entries(options).map(([code, hex]) => [Number(code), fromHex(hex)] as const);
		const lease = leaseOf(
			{ ...message, options: new Map([...entries]) },
			{ server: address("10.1.2.1"), via: new Uint8Array(6), from: 0 },
		);
		return lease === undefined
			? undefined
			: {
					address: formatPrefix(lease.address),
					routes: lease.routes.map((route) => `${formatPrefix(route.destination)} ${formatAddress(route.gateway)}`),
					search: lease.search,
					domain: lease.domain,
				};
	}

	it.each([
		["ffffffff", "10.1.2.3/32"],
		["ffffff00", "10.1.2.3/24"],
		["fffffe00", "10.1.2.3/23"],
		["80000000", "10.1.2.3/1"],
	])("have the mask %s as a length", (mask, wanted) => expect(read({ 1: mask })?.address).toBe(wanted));

	it.each(["", "ff", "ff00ff00", "00ffffff"])("with the mask %j are none", (mask) =>
		expect(read({ 1: mask })).toBeUndefined(),
	);

	it("have classless routes alone where there are any", () => {
		const routes = {
			121: "080a0a010201200a0909090a01020118c0a80500000000000a010203",
			3: "0a010201",
			33: "0a0000000a010203",
		};
		expect(read({ 1: "ffffff00", ...routes })?.routes).toEqual([
			"10.0.0.0/8 10.1.2.1",
			"10.9.9.9/32 10.1.2.1",
			"192.168.5.0/24 0.0.0.0",
			"0.0.0.0/0 10.1.2.3",
		]);
	});

	it.each(["080a0a0102", "210a0909090a0a010201", ""])(
		"have the others where classless routes are spoilt: %j",
		(spoilt) => {
			const options = {
				1: "ffffff00",
				121: spoilt,
				3: "0a010201",
				33: "0a0000000a010203c0a801000a010203acff00000a0102030a",
			};
			expect(read(options)?.routes).toEqual([
				"10.0.0.0/8 10.1.2.3",
				"192.168.1.0/24 10.1.2.3",
				"172.255.0.0/16 10.1.2.3",
				"0.0.0.0/0 10.1.2.1",
			]);
		},
	);

	it("have search domains as DNS shortens them, and no names that are none", () => {
		const names = "03656e6707657861" + "6d706c6500" + "026465c004";
		expect(read({ 1: "ffffff00", 119: names, 15: "6578616d706c652e6f7267" + "00" })).toMatchObject({
			search: ["eng.example", "de.example"],
			domain: "example.org",
		});
		// A pointer to itself; text that would be a line of its own.
		expect(read({ 1: "ffffff00", 119: "c000", 15: "610a6e616d6573657276657220362e36" })).toMatchObject({
			search: [],
			domain: "",
		});
	});
});

describe("names of options", () => {
	it.each([
		["host-name", 12],
		["12", 12],
		["dhcp-client-identifier", 61],
		["255", 255],
		["256", undefined],
		["bogus", undefined],
		["-1", undefined],
		["toString", undefined],
	])("%s", (name, code) => expect(optionCode(name)).toBe(code));
});

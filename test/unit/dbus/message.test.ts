import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { socketNameOf } from "../../../lib/dbus/address.ts";
import { decodeReply, encodeCall, messageLength } from "../../../lib/dbus/message.ts";

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));

/** What dbus-daemon 1.14 and firewalld 1.3 sent, byte for byte. */
const recorded = {
	/** The answer "trusted" to the call with the serial 3. */
	string: hex(`
		6c020101 0c000000 93030000 2d000000 06017300 04000000 3a312e35 00000000 05017500 03000000
		08016700 01730000 07017300 04000000 3a312e30 00000000 07000000 74727573 74656400`),
	/** An error, to the call with the serial 2. */
	error: hex(`
		6c030101 3f000000 8e030000 5d000000 06017300 04000000 3a312e35 00000000 04017300 26000000
		6f72672e 6665646f 72617072 6f6a6563 742e4669 72657761 6c6c4431 2e457863 65707469 6f6e0000
		05017500 02000000 08016700 01730000 07017300 04000000 3a312e30 00000000 3a000000
		5a4f4e45 5f414c52 45414459 5f534554 3a202731 302e302e 302e322f 33322720 616c7265 61647920
		626f756e 6420746f 20277472 75737465 642700`),
	/** The signal NameAcquired, which answers nothing. */
	signal: hex(`
		6c040101 09000000 02000000 8d000000 01016f00 15000000 2f6f7267 2f667265 65646573 6b746f70
		2f444275 73000000 02017300 14000000 6f72672e 66726565 6465736b 746f702e 44427573 00000000
		03017300 0c000000 4e616d65 41637175 69726564 00000000 06017300 04000000 3a312e35 00000000
		08016700 01730000 07017300 14000000 6f72672e 66726565 6465736b 746f702e 44427573 00000000
		04000000 3a312e35 00`),
};

describe("messages of D-Bus", () => {
	it("are read as the bus sends them", () => {
		expect(decodeReply(recorded.string)).toEqual({ serial: 3, errorName: undefined, value: "trusted" });
		expect(decodeReply(recorded.error)).toEqual({
			serial: 2,
			errorName: "org.fedoraproject.FirewallD1.Exception",
			value: "ZONE_ALREADY_SET: '10.0.0.2/32' already bound to 'trusted'",
		});
		expect(decodeReply(recorded.signal)).toEqual({ serial: 0, errorName: undefined, value: undefined });
	});

	it("tell their length from their first bytes", () => {
		for (const message of Object.values(recorded)) {
			expect(messageLength(message.subarray(0, 15))).toBe(undefined);
			expect(messageLength(message.subarray(0, 16))).toBe(message.byteLength);
		}
	});

	it("of another byte order are refused", () => {
		expect(() => messageLength(new Uint8Array(16).fill(0x42))).toThrow("another byte order");
	});

	it("are written as the specification draws them", () => {
		const method = { destination: "a.b", path: "/c", interface: "d.e", member: "F" };
		expect(Buffer.from(encodeCall(method, { serial: 7, args: ["x"] })).toString("hex")).toBe(
			[
				// Byte order, method call, no auto-start, version; body of 6 bytes; serial; fields of 71 bytes.
				"6c010201 06000000 07000000 47000000",
				"01016f00 02000000 2f630000 00000000",
				"02017300 03000000 642e6500 00000000",
				"03017300 01000000 46000000 00000000",
				"06017300 03000000 612e6200 00000000",
				// The signature "s", padded, and the body.
				"08016700 01730000",
				"01000000 7800",
			]
				.join("")
				.replaceAll(" ", ""),
		);
	});

	it("have the length that they tell, whatever the arguments", () => {
		const name = fc.stringMatching(/^[a-zA-Z.]{1,40}$/);
		fc.assert(
			fc.property(name, name, fc.array(fc.string({ unit: "grapheme" }), { maxLength: 4 }), (member, path, args) => {
				const method = { destination: "a.b", path: `/${path}`, interface: "d.e", member };
				const message = encodeCall(method, { serial: 1, args });
				expect(messageLength(message)).toBe(message.byteLength);
			}),
		);
	});
});

describe("the address of a bus", () => {
	const text = (bytes: Uint8Array) => Buffer.from(bytes.subarray(2)).toString("latin1");

	it.each([
		[undefined, "/run/dbus/system_bus_socket\0"],
		["", "/run/dbus/system_bus_socket\0"],
		["unix:path=/run/my%20bus,guid=123", "/run/my bus\0"],
		["tcp:host=localhost;unix:guid=1,abstract=bus", "\0bus"],
	])("%j leads to a socket", (address, name) => {
		expect(text(socketNameOf(address))).toBe(name);
	});

	it.each(["tcp:host=localhost,port=1", "unix:tmpdir=/tmp", `unix:path=/${"x".repeat(120)}`])(
		"%s does not",
		(address) => {
			expect(() => socketNameOf(address)).toThrow();
		},
	);
});

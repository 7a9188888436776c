import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createRecordReader } from "../../../../lib/mesos/operator/record-reader.ts";
import { record } from "../../../support/mesos-messages.ts";

/** The records of a stream that comes in parts of these sizes, the last for all that is left. */
function read(stream: string, sizes: readonly number[], longest = 1000): (string | undefined)[] {
	const reader = createRecordReader(longest);
	const bytes = Buffer.from(stream);
	const records: (string | undefined)[] = [];
	let at = 0;
	for (const size of [...sizes, bytes.byteLength]) {
		const part = Uint8Array.from(bytes.subarray(at, at + size));
		records.push(...reader.push(part));
		// The buffer is used for the next part.
		part.fill(0x78);
		at += size;
	}
	return records;
}

describe("records", () => {
	test("come as they were sent, wherever the stream is cut", () => {
		const records = fc.array(fc.string({ unit: "grapheme", maxLength: 20 }), { maxLength: 8 });
		const sizes = fc.array(fc.nat(12), { maxLength: 40 });
		fc.assert(
			fc.property(records, sizes, (sent, cuts) => {
				expect(read(sent.map(record).join(""), cuts)).toEqual(sent.map((text) => text.replace(/^\ufeff/, "")));
			}),
		);
	});

	test("that are too long are passed over, and the next is read", () => {
		const stream = record("a") + record("x".repeat(11)) + record("b".repeat(10)) + record("");
		for (const size of [1, 5, 100]) {
			const sizes = Array.from({ length: stream.length }, () => size);
			expect(read(stream, sizes, 10)).toEqual(["a", undefined, "b".repeat(10), ""]);
		}
	});

	test("of a gigabyte take no memory before they come", () => {
		const reader = createRecordReader(Number.MAX_SAFE_INTEGER);
		const before = process.memoryUsage().arrayBuffers;
		expect(reader.push(Buffer.from("1073741824\nx"))).toEqual([]);
		expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
	});

	test.each([
		["\n", "without a length"],
		["2\n{}\n", "without a length"],
		["-1\nx", "whose length is no number"],
		["0x10\n", "whose length is no number"],
		["1 \nx", "whose length is no number"],
		["2\r\n{}", "whose length is no number"],
		["12345678901\n", "whose length has no end"],
		['{"type":"HEARTBEAT"}', "whose length is no number"],
	])("%j is no stream of them", (stream, error) => {
		expect(() => read(stream, [])).toThrow(error);
	});
});

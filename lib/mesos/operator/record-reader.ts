import { concatBytes } from "../../linux/bytes.ts";
import { decodeUtf8 } from "../../linux/utf8.ts";

/**
 * Takes a stream apart that is framed as RecordIO: how many bytes follow, as decimal digits and a line feed, then so many
 * bytes, and the next. Records come as they were sent, wherever the stream is cut.
 */
export interface RecordReader {
	/**
	 * The records that these bytes complete; undefined stands for one that was longer than wanted, of which nothing was kept.
	 *
	 * @throws Error for what is no such stream
	 */
	push(bytes: Uint8Array): readonly (string | undefined)[];
}

/** As many as a length of 10 GB has. */
const mostDigits = 10;

const lineFeed = 0x0a;

/** @param longest in bytes */
export function createRecordReader(longest: number): RecordReader {
	let digits = "";
	/** What is left of the record at hand; undefined within its length. */
	let left: number | undefined;
	let isKept = true;
	let parts: Uint8Array[] = [];
	return {
		push(bytes) {
			const records: (string | undefined)[] = [];
			for (let at = 0; at < bytes.byteLength; ) {
				if (left === undefined) {
					const byte = bytes[at++] ?? 0;
					if (byte !== lineFeed) {
						digits = withDigit(digits, byte);
						continue;
					}
					if (digits === "") throw new Error("the stream has a record without a length");
					left = Number(digits);
					isKept = left <= longest;
					digits = "";
				}
				const part = bytes.subarray(at, at + left);
				at += part.byteLength;
				left -= part.byteLength;
				// What is kept outlives the buffer it came in.
				if (isKept) parts.push(left === 0 ? part : part.slice());
				if (left > 0) continue;
				records.push(isKept ? decodeUtf8(concatBytes(parts)) : undefined);
				parts = [];
				left = undefined;
			}
			return records;
		},
	};
}

function withDigit(digits: string, byte: number): string {
	if (byte < 0x30 || byte > 0x39) throw new Error("the stream has a record whose length is no number");
	if (digits.length === mostDigits) throw new Error("the stream has a record whose length has no end");
	return digits + String.fromCharCode(byte);
}

import { addressFromBytes, type IpAddress } from "../../ip/address.ts";
import { concatBytes } from "../../linux/bytes.ts";
import { encodeUtf8 } from "../../linux/utf8.ts";

/*
 * Messages of DNS, as far as one asks for addresses. RFC 1035, section 4
 */

export interface Question {
	readonly id: number;
	readonly name: string;
	readonly type: number;
}

/** The header asks for recursion; behind it stands one question, of the class of the internet. */
export function encodeQuestion({ id, name, type }: Question): Uint8Array {
	const header = new Uint8Array([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
	const labels = name.split(".").filter((label) => label !== "");
	const encoded = labels.flatMap((label) => {
		const bytes = encodeUtf8(label);
		return [new Uint8Array([bytes.byteLength]), bytes];
	});
	return concatBytes([header, ...encoded, new Uint8Array([0, 0, type, 0, 1])]);
}

const headerLength = 12;

/** The addresses in an answer; undefined for a message that answers something else. */
export function addressesIn(
	answer: Uint8Array,
	{ id, question, type }: { id: number; question: Uint8Array; type: number },
): readonly IpAddress[] | undefined {
	if (answer.byteLength < question.byteLength) return undefined;
	const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
	if (view.getUint16(0) !== id || (view.getUint8(2) & 0x80) === 0) return undefined;
	if (!question.subarray(headerLength).every((byte, index) => sameLetter(byte, answer[headerLength + index] ?? 0)))
		return undefined;
	const found: IpAddress[] = [];
	let offset = question.byteLength;
	for (let left = view.getUint16(6); left > 0; left--) {
		offset = behindName(answer, offset);
		if (offset + 10 > answer.byteLength) break;
		const length = view.getUint16(offset + 8);
		const data = answer.slice(offset + 10, offset + 10 + length);
		if (view.getUint16(offset) === type && (data.byteLength === 4 || data.byteLength === 16)) {
			found.push(addressFromBytes(data));
		}
		offset += 10 + length;
	}
	return found;
}

/** Some servers answer in the letters of their own. */
function sameLetter(a: number, b: number): boolean {
	const lower = (byte: number) => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);
	return lower(a) === lower(b);
}

/** A name is labels up to an empty one, or up to a pointer of two bytes. */
function behindName(bytes: Uint8Array, start: number): number {
	let offset = start;
	for (;;) {
		const length = bytes[offset];
		if (length === undefined || length === 0) return offset + 1;
		if (length >= 0xc0) return offset + 2;
		offset += 1 + length;
	}
}

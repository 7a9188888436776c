import { toHex } from "../linux/bytes.ts";
import { sha512 } from "../linux/sha512.ts";
import { encodeUtf8 } from "../linux/utf8.ts";

/** How many hexadecimal digits all of it has. */
const allDigits = 128;

/** SHA-512 of the text's UTF-8 form, in lower-case hexadecimal; `digits` of them, an even number, where not all are wanted. */
export function sha512Hex(text: string, digits = allDigits): string {
	const kept = known.get(text);
	if (kept !== undefined && kept.length >= digits) return kept.slice(0, digits);
	const hex = toHex(sha512(encodeUtf8(text)).subarray(0, digits / 2));
	known.set(text, hex);
	return hex;
}

/** A call asks for the hashes of the same few names over and over. */
const known = new Map<string, string>();

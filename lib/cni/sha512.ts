import { toHex } from "../linux/bytes.ts";
import { sha512 } from "../linux/sha512.ts";
import { encodeUtf8 } from "../linux/utf8.ts";

/** SHA-512 of the text's UTF-8 form, in lower-case hexadecimal. */
export function sha512Hex(text: string): string {
	const kept = known.get(text) ?? toHex(sha512(encodeUtf8(text)));
	known.set(text, kept);
	return kept;
}

/** A call asks for the hashes of the same few names over and over. */
const known = new Map<string, string>();

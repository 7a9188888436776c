import { decodeUtf8, encodeUtf8 } from "../linux/utf8.ts";

/** The text's bytes in base64 (RFC 4648, section 4), as the JSON gateway wants keys and values. */
export function toBase64(text: string): string {
	return btoa(Array.from(encodeUtf8(text), (byte) => String.fromCharCode(byte)).join(""));
}

/** The inverse of {@link toBase64}. */
export function fromBase64(text: string): string {
	return decodeUtf8(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
}

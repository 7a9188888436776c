import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

export function toBase64(text: string): string {
	return encodeUtf8(text).toBase64();
}

export function fromBase64(text: string): string {
	return decodeUtf8(Uint8Array.fromBase64(text));
}

import "../engine/host.ts";
import { sameBytes } from "./same-bytes.ts";

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
	return host.encodeUtf8(text.isWellFormed() ? text : text.toWellFormed());
}

export function decodeUtf8(bytes: Uint8Array): string {
	const text = host.decodeUtf8(bytes).toWellFormed();
	return text.startsWith("\ufeff") ? text.slice(1) : text;
}

export function decodeStrictUtf8(bytes: Uint8Array): string {
	const text = host.decodeUtf8(bytes);
	// What was replaced in decoding is encoded to something else.
	const replaced = text.includes("\ufffd") && !sameBytes(host.encodeUtf8(text), bytes);
	if (replaced || !text.isWellFormed()) {
		throw new TypeError("The encoded data was not valid for encoding utf-8");
	}
	return text.startsWith("\ufeff") ? text.slice(1) : text;
}

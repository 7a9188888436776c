import { encodeUtf8 } from "./utf8.ts";

/** One behind the other. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
	let length = 0;
	for (const part of parts) length += part.byteLength;
	const whole = new Uint8Array(length);
	let offset = 0;
	for (const part of parts) {
		whole.set(part, offset);
		offset += part.byteLength;
	}
	return whole;
}

/** Whether the bytes of `part` occur one behind the other. */
export function includesBytes(bytes: Uint8Array, part: Uint8Array): boolean {
	const [first] = part;
	if (first === undefined) return true;
	for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
		if (part.every((byte, index) => bytes[at + index] === byte)) return true;
	}
	return false;
}

/** How many bytes the text has in UTF-8. */
export function utf8Length(text: string): number {
	return encodeUtf8(text).byteLength;
}

/** Two lower-case digits for each byte. */
export function toHex(bytes: Uint8Array): string {
	let text = "";
	for (let i = 0; i < bytes.byteLength; i++) text += hexOfByte[bytes[i] ?? 0];
	return text;
}

/** Two lower-case digits for each value of a byte. */
export const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The inverse of {@link toHex}; what is no digit counts as 0. */
export function fromHex(text: string): Uint8Array {
	const bytes = new Uint8Array(text.length >> 1);
	for (let i = 0; i < bytes.byteLength; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
	return bytes;
}

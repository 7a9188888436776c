import { hexOfByte } from "../linux/bytes.ts";

/** Hardware addresses travel as text, lower case and with colons, everywhere but in messages. */

/** Parses `02:00:00:00:00:01`, `02-00-…` or `0200.0000.0001` of 6, 8 or 20 bytes; undefined for anything else. */
export function parseMac(text: string): Uint8Array | undefined {
	const separator = text[2] === ":" || text[2] === "-" ? text[2] : ".";
	const digitsPerGroup = separator === "." ? 4 : 2;
	const digits = text.split(separator);
	if (digits.some((group) => group.length !== digitsPerGroup)) return undefined;
	const joined = digits.join("");
	const bytes = new Uint8Array(joined.length / 2);
	if (![6, 8, 20].includes(bytes.byteLength)) return undefined;
	for (let i = 0; i < bytes.byteLength; i++) {
		const high = hexDigits.indexOf((joined[2 * i] ?? "").toLowerCase());
		const low = hexDigits.indexOf((joined[2 * i + 1] ?? "").toLowerCase());
		if (high < 0 || low < 0) return undefined;
		bytes[i] = high * 16 + low;
	}
	return bytes;
}

export function formatMac(bytes: Uint8Array): string {
	let text = bytes.byteLength === 0 ? "" : `${hexOfByte[bytes[0] ?? 0]}`;
	for (let i = 1; i < bytes.byteLength; i++) text += `:${hexOfByte[bytes[i] ?? 0]}`;
	return text;
}

const hexDigits = "0123456789abcdef";

/** A random unicast address from the locally administered space, as the kernel gives one to a new veth. */
export function randomMac(): string {
	// It has to differ from the others on the link, not to be unpredictable.
	const bytes = new Uint8Array(6).map(() => Math.floor(Math.random() * 256));
	bytes[0] = ((bytes[0] ?? 0) & 0xfe) | 0x02;
	return formatMac(bytes);
}

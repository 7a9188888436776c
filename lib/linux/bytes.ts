/*
 * Instead of Buffer, of which the first use at a start takes longer than the rest of a netlink request.
 */

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

const encoder = new TextEncoder();

/** How many bytes the text has in UTF-8. */
export function utf8Length(text: string): number {
	return encoder.encode(text).byteLength;
}

/** The text's bytes in base64 (RFC 4648, section 4), as the JSON gateway wants keys and values. */
export function toBase64(text: string): string {
	return Buffer.from(text).toString("base64");
}

/** The inverse of {@link toBase64}. */
export function fromBase64(text: string): string {
	return Buffer.from(text, "base64").toString();
}

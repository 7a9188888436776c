const encoder = new TextEncoder();
const decoder = new TextDecoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true });

/** The text's bytes; U+FFFD stands for half a surrogate pair. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
	return encoder.encode(text);
}

/** The text of the bytes; U+FFFD stands for what is no UTF-8. A byte order mark is left out. */
export function decodeUtf8(bytes: Uint8Array): string {
	return decoder.decode(bytes);
}

/** The same for bytes that must be UTF-8. @throws TypeError */
export function decodeStrictUtf8(bytes: Uint8Array): string {
	return strictDecoder.decode(bytes);
}

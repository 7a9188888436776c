import { decodeUtf8, encodeUtf8 } from "../../linux/utf8.ts";

/**
 * The user data of tables, chains and rules: what the kernel keeps for `nft` without reading it. Members are
 * `u8 type; u8 length; value`; type 0 is the comment, NUL-terminated, in all three.
 */

const commentType = 0;

/** The longest comment in bytes that fits into user data (NFT_USERDATA_MAXLEN); `nft` itself takes 128. */
export const maximumComment = 253;

export function encodeComment(comment: string): Uint8Array {
	const text = encodeUtf8(`${comment}\0`);
	const bytes = new Uint8Array(2 + text.byteLength);
	bytes[0] = commentType;
	bytes[1] = text.byteLength;
	bytes.set(text, 2);
	return bytes;
}

/** The comment, or empty when there is none. */
export function decodeComment(bytes: Uint8Array | undefined): string {
	if (bytes === undefined) return "";
	for (let offset = 0; offset + 2 <= bytes.byteLength; ) {
		const length = bytes[offset + 1] ?? 0;
		if (bytes[offset] === commentType) {
			const text = bytes.subarray(offset + 2, offset + 2 + length);
			const end = text.indexOf(0);
			return decodeUtf8(end < 0 ? text : text.subarray(0, end));
		}
		offset += 2 + length;
	}
	return "";
}

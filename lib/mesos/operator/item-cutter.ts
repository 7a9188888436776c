import { concatBytes } from "../../linux/bytes.ts";
import { decodeUtf8, encodeUtf8 } from "../../linux/utf8.ts";

/**
 * Cuts objects and lists out of a JSON text that comes in pieces, so that a long list of them is never held as a whole.
 * Those that begin at a depth are cut out and given away one by one; in the rest their numbers stand for them. At the depth
 * of 2, `{"a":[{"x":1},{"y":[]}]}` leaves `{"a":[[0],[1]]}`: whatever is a list there is one of ours.
 */
export interface ItemCutter {
	/** @throws Error for an item, or a rest, without an end; what `take` throws */
	push(bytes: Uint8Array): void;
	/** What has not been cut out, as text. */
	rest(): string;
}

/** A parser takes a dozen times as much. */
const longestItem = 1024 * 1024;
const longestRest = 16 * 1024 * 1024;

const [quote, backslash] = [0x22, 0x5c];
const [openObject, closeObject, openList, closeList] = [0x7b, 0x7d, 0x5b, 0x5d];

/** @param options.take gets the items as text, in their order */
export function createItemCutter({
	depth: cutDepth,
	take,
}: {
	readonly depth: number;
	readonly take: (item: string) => void;
}): ItemCutter {
	const rest = createPile(longestRest);
	const item = createPile(longestItem);
	let depth = 0;
	let count = 0;
	let isInString = false;
	/** What was last seen of a string is a backslash that makes the next byte mean itself. */
	let isEscaped = false;

	/** Behind the string that the bytes from `start` on are of; undefined when it goes on after them. */
	const behindString = (bytes: Uint8Array, start: number): number | undefined => {
		let from = isEscaped ? start + 1 : start;
		isEscaped = false;
		for (;;) {
			const found = bytes.indexOf(quote, from);
			const end = found < 0 ? bytes.byteLength : found;
			let first = end;
			while (first > from && bytes[first - 1] === backslash) first--;
			const isOdd = (end - first) % 2 === 1;
			if (found < 0) {
				isEscaped = isOdd;
				return undefined;
			}
			if (!isOdd) return found + 1;
			from = found + 1;
		}
	};

	return {
		push(bytes) {
			/** Where what has not been put anywhere begins. */
			let start = 0;
			for (let at = 0; at < bytes.byteLength; ) {
				if (isInString) {
					const behind = behindString(bytes, at);
					if (behind === undefined) break;
					isInString = false;
					at = behind;
					continue;
				}
				const byte = bytes[at++];
				if (byte === quote) {
					isInString = true;
				} else if (byte === openObject || byte === openList) {
					if (depth++ !== cutDepth) continue;
					rest.put(bytes.subarray(start, at - 1));
					start = at - 1;
				} else if (byte === closeObject || byte === closeList) {
					if (--depth !== cutDepth) continue;
					item.put(bytes.subarray(start, at));
					start = at;
					take(item.text());
					rest.put(encodeUtf8(`[${count++}]`));
				}
			}
			(depth > cutDepth ? item : rest).put(bytes.subarray(start));
		},
		rest: () => rest.text(),
	};
}

/** Bytes that come one after the other, and no more of them than so many. */
function createPile(longest: number) {
	let parts: Uint8Array[] = [];
	let length = 0;
	return {
		put(part: Uint8Array): void {
			length += part.byteLength;
			if (length > longest) throw new Error("the master sends JSON with a part that is too long");
			if (part.byteLength > 0) parts.push(part.slice());
		},
		/** All of them, which are taken away. */
		text(): string {
			const text = decodeUtf8(concatBytes(parts));
			parts = [];
			length = 0;
			return text;
		},
	};
}

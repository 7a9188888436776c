import type { JsonMember, JsonNode } from "./json-node.ts";

/**
 * Parses JSON and keeps the place of every part. Accepts exactly what RFC 8259 does, nested up to a limit. The
 * error texts are those of Go's encoding/json, because operators know them from the reference.
 *
 * Slower than `JSON.parse`: for explaining configurations and for the error text after `JSON.parse` has failed.
 *
 * @throws JsonSyntaxError
 */
export function parseJsonText(text: string): JsonNode {
	const cursor: Cursor = { text, offset: 0, depth: 0 };
	const node = parseValue(cursor);
	skipSpace(cursor);
	if (cursor.offset < text.length) throw unexpected(cursor, "after top-level value");
	return node;
}

/** `offset` is where the text stops being JSON. */
export class JsonSyntaxError extends Error {
	override readonly name = "JsonSyntaxError";
	readonly offset: number;

	constructor(message: string, offset: number) {
		super(message);
		this.offset = offset;
	}
}

/** Deeper than any configuration, and shallow enough for the stack. */
const maximumDepth = 1000;

interface Cursor {
	readonly text: string;
	offset: number;
	depth: number;
}

function parseValue(cursor: Cursor): JsonNode {
	skipSpace(cursor);
	const character = cursor.text[cursor.offset];
	const { offset } = cursor;
	if (character === "{" || character === "[") {
		if (++cursor.depth > maximumDepth) throw new JsonSyntaxError("exceeded max depth", offset);
		cursor.offset++;
		const node: JsonNode =
			character === "{"
				? { kind: "object", offset, members: parseMembers(cursor) }
				: { kind: "list", offset, items: parseItems(cursor) };
		cursor.depth--;
		return node;
	}
	if (character === '"') return { kind: "scalar", offset, value: parseString(cursor) };
	if (character === "t") return { kind: "scalar", offset, value: parseLiteral(cursor, "true", true) };
	if (character === "f") return { kind: "scalar", offset, value: parseLiteral(cursor, "false", false) };
	if (character === "n") return { kind: "scalar", offset, value: parseLiteral(cursor, "null", null) };
	if (character === "-" || isDigit(character)) return { kind: "scalar", offset, value: parseNumber(cursor) };
	throw unexpected(cursor, "looking for beginning of value");
}

function parseMembers(cursor: Cursor): JsonMember[] {
	const members: JsonMember[] = [];
	skipSpace(cursor);
	if (cursor.text[cursor.offset] === "}") {
		cursor.offset++;
		return members;
	}
	for (;;) {
		skipSpace(cursor);
		const keyOffset = cursor.offset;
		if (cursor.text[keyOffset] !== '"') throw unexpected(cursor, "looking for beginning of object key string");
		const key = parseString(cursor);
		skipSpace(cursor);
		if (cursor.text[cursor.offset] !== ":") throw unexpected(cursor, "after object key");
		cursor.offset++;
		members.push({ key, keyOffset, value: parseValue(cursor) });
		if (endsWith(cursor, "}", "after object key:value pair")) return members;
	}
}

function parseItems(cursor: Cursor): JsonNode[] {
	const items: JsonNode[] = [];
	skipSpace(cursor);
	if (cursor.text[cursor.offset] === "]") {
		cursor.offset++;
		return items;
	}
	for (;;) {
		items.push(parseValue(cursor));
		if (endsWith(cursor, "]", "after array element")) return items;
	}
}

/** Steps over the closing bracket (true) or the comma (false) that must follow. */
function endsWith(cursor: Cursor, closing: string, where: string): boolean {
	skipSpace(cursor);
	const character = cursor.text[cursor.offset];
	if (character !== closing && character !== ",") throw unexpected(cursor, where);
	cursor.offset++;
	return character === closing;
}

const escapes = '"\\/bfnrt';

/** Checks the string at the cursor and steps over it; the value itself comes from `JSON.parse`. */
function parseString(cursor: Cursor): string {
	const { text, offset: start } = cursor;
	for (cursor.offset++; ; cursor.offset++) {
		const character = text[cursor.offset];
		if (character === undefined || character < " ") throw unexpected(cursor, "in string literal");
		if (character === '"') break;
		if (character !== "\\") continue;
		const escaped = text[++cursor.offset];
		if (escaped === "u") {
			for (let digit = 0; digit < 4; digit++) {
				cursor.offset++;
				if (!isHexDigit(text[cursor.offset])) throw unexpected(cursor, "in \\u hexadecimal character escape");
			}
		} else if (escaped === undefined || !escapes.includes(escaped)) {
			throw unexpected(cursor, "in string escape code");
		}
	}
	cursor.offset++;
	return String(JSON.parse(text.slice(start, cursor.offset)));
}

function parseLiteral<T>(cursor: Cursor, literal: string, value: T): T {
	for (const character of literal) {
		if (cursor.text[cursor.offset] !== character) {
			throw unexpected(cursor, `in literal ${literal} (expecting '${character}')`);
		}
		cursor.offset++;
	}
	return value;
}

function parseNumber(cursor: Cursor): number {
	const { text, offset: start } = cursor;
	if (text[cursor.offset] === "-") cursor.offset++;
	if (text[cursor.offset] === "0") cursor.offset++;
	else skipDigits(cursor, "in numeric literal");
	if (text[cursor.offset] === ".") {
		cursor.offset++;
		skipDigits(cursor, "after decimal point in numeric literal");
	}
	if (text[cursor.offset] === "e" || text[cursor.offset] === "E") {
		cursor.offset++;
		if (text[cursor.offset] === "+" || text[cursor.offset] === "-") cursor.offset++;
		skipDigits(cursor, "in exponent of numeric literal");
	}
	return Number(text.slice(start, cursor.offset));
}

function skipDigits(cursor: Cursor, where: string): void {
	if (!isDigit(cursor.text[cursor.offset])) throw unexpected(cursor, where);
	while (isDigit(cursor.text[cursor.offset])) cursor.offset++;
}

function skipSpace(cursor: Cursor): void {
	for (;;) {
		const character = cursor.text[cursor.offset];
		if (character !== " " && character !== "\n" && character !== "\t" && character !== "\r") return;
		cursor.offset++;
	}
}

function isDigit(character: string | undefined): boolean {
	return character !== undefined && character >= "0" && character <= "9";
}

function isHexDigit(character: string | undefined): boolean {
	return isDigit(character) || (character !== undefined && /^[a-fA-F]$/.test(character));
}

function unexpected({ text, offset }: Cursor, where: string): JsonSyntaxError {
	const codePoint = text.codePointAt(offset);
	if (codePoint === undefined) return new JsonSyntaxError("unexpected end of JSON input", offset);
	return new JsonSyntaxError(`invalid character ${quoteCharacter(String.fromCodePoint(codePoint))} ${where}`, offset);
}

function quoteCharacter(character: string): string {
	if (character === "'") return "'\\''";
	if (character === '"') return "'\"'";
	const shown = JSON.stringify(character).slice(1, -1);
	// What cannot be seen, such as a byte order mark, is shown by its number.
	return /^[\p{C}\p{Z}]$/u.test(shown) ? `'\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}'` : `'${shown}'`;
}

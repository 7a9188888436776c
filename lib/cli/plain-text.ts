import { quoteText } from "../cni/quote-text.ts";

/*
 * What tenants have chosen (ids, labels, names), for a terminal and for whoever reads its lines.
 */

/** As it is, where it could pass for nothing else; what could pass for another cell, line or command is shown as JSON shows it. */
export function plainText(text: string): string {
	return /^[\p{L}\p{N}\p{P}\p{S}]+$/u.test(text) && !/[,="\\]/.test(text) ? text : quoteText(text);
}

/** A sentence of ours with words of others in it: nothing of it reaches the terminal as a command or another line. */
export function plainLine(text: string): string {
	return text.replace(unprintable, escaped);
}

/** JSON in which unprintable characters are escaped, those too that JSON would let pass. */
export function plainJson(value: unknown): string {
	// The unprintable characters between the values are those that it lays the lines out with.
	return `${JSON.stringify(value, null, "\t").replace(unprintable, (text) => (/[\n\t]/.test(text) ? text : escaped(text)))}\n`;
}

const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** As JSON escapes it: each unit of UTF-16 by itself. */
function escaped(character: string): string {
	return Array.from({ length: character.length }, (_, index) => {
		const code = character.charCodeAt(index).toString(16).padStart(4, "0");
		return `\\u${code}`;
	}).join("");
}

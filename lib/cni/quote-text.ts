/**
 * What a tenant has written, for a terminal: as JSON has it, with everything escaped that could pass for another line,
 * reverse the direction of writing, or command the terminal.
 */
export function quoteText(text: string): string {
	return JSON.stringify(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
		const code = character.codePointAt(0) ?? 0;
		return `\\u{${code.toString(16)}}`;
	});
}

/** A word as it stands, as the reference's messages have it; quoted when it is none, so that nothing of it goes unseen. */
export function shownWord(text: string): string {
	return /^\S+$/.test(text) ? text : quoteText(text);
}

/** Where in a text: both count from 1; the column counts UTF-16 units, as editors do. */
export interface Place {
	readonly line: number;
	readonly column: number;
}

/** The line and column of an offset. */
export function placeOf(text: string, offset: number): Place {
	const before = text.slice(0, offset);
	return { line: before.split("\n").length, column: offset - (before.lastIndexOf("\n") + 1) + 1 };
}

/**
 * The value of a key of a plugin's configuration, as every plugin reads it: letter case does not matter, of several
 * spellings the last one counts, and null is the same as absent.
 */
export function memberOf(document: Readonly<Record<string, unknown>>, key: string): unknown {
	const folded = key.toLowerCase();
	return Object.entries(document).findLast(([name, value]) => value !== null && name.toLowerCase() === folded)?.[1];
}

/** The same for a key whose value is an object; undefined for any other value. */
export function objectMemberOf(
	document: Readonly<Record<string, unknown>>,
	key: string,
): Readonly<Record<string, unknown>> | undefined {
	return asObject(memberOf(document, key));
}

/** The value itself if it is an object, else undefined. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
	return typeof value === "object" && value !== null && !Array.isArray(value)
		? (value as Record<string, unknown>)
		: undefined;
}

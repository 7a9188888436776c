/**
 * The same JSON value with the keys of every object in order. Plugins get their configuration this way from every
 * runtime built on libcni; of two keys that differ in case only, the order decides which one counts.
 */
export function sortKeys(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(sortKeys);
	if (typeof value !== "object" || value === null) return value;
	const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
	return Object.fromEntries(entries.map(([key, item]) => [key, sortKeys(item)]));
}

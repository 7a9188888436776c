/**
 * A JSON value as Mesos writes it: compact, the keys of every object in order. Not through an object with its keys in
 * order: JavaScript puts keys that look like numbers first.
 */
export function sortedJson(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(sortedJson).join(",")}]`;
	if (typeof value !== "object" || value === null) return JSON.stringify(value);
	const members = Object.entries(value)
		.filter(([, item]) => item !== undefined)
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.map(([key, item]) => `${JSON.stringify(key)}:${sortedJson(item)}`);
	return `{${members.join(",")}}`;
}

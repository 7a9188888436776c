import type { Label, Tags } from "../../ipam/tags.ts";

/** What an attachment's tags must contain, all of it. */
export interface TagFilter {
	/** Without a value any will do. */
	readonly labels: readonly Label[];
	readonly groups: readonly string[];
}

/** `KEY` or `KEY=VALUE`, with the value beginning after the first `=`. */
export function parseLabelFilter(text: string): Label {
	const separator = text.indexOf("=");
	if (separator < 0) return { key: text };
	return { key: text.slice(0, separator), value: text.slice(separator + 1) };
}

export function hasAll(tags: Tags, { labels, groups }: TagFilter): boolean {
	const hasLabel = ({ key, value }: Label) =>
		tags.labels.some((label) => label.key === key && (value === undefined || (label.value ?? "") === value));
	return labels.every(hasLabel) && groups.every((group) => tags.groups.includes(group));
}

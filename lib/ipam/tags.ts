import { decodeDocument, list, object, required, SchemaError, string } from "../cni/schema.ts";

/** What somebody calls an attachment by; it is kept with its addresses, and means nothing here. */
export interface Tags {
	readonly labels: readonly Label[];
	readonly groups: readonly string[];
}

export interface Label {
	readonly key: string;
	/** Absent for a label that is a key alone. */
	readonly value?: string | undefined;
}

export const noTags: Tags = { labels: [], groups: [] };

export function hasTags({ labels, groups }: Tags): boolean {
	return labels.length > 0 || groups.length > 0;
}

const taggedSchema = required(
	object({
		containerId: string(""),
		ifName: string(""),
		labels: list(object({ key: string(""), value: string() })),
		groups: list(string("")),
	}),
);

/** Tags and whose they are, as a store keeps them. */
export interface TaggedOwner extends Tags {
	readonly containerId: string;
	readonly ifName: string;
}

/** One line of JSON: `{"containerId":"c1","ifName":"eth0","labels":[{"key":"k","value":"v"}],"groups":["g"]}`. */
export function formatTagged({ containerId, ifName, labels, groups }: TaggedOwner): string {
	return `${JSON.stringify({ containerId, ifName, labels, groups })}\n`;
}

/** Undefined for a text that is none of ours, or damaged. */
export function parseTagged(text: string): TaggedOwner | undefined {
	try {
		const { containerId, ifName, labels, groups } = decodeDocument(taggedSchema, JSON.parse(text));
		if (containerId === "") return undefined;
		return {
			containerId,
			ifName,
			labels: (labels ?? []).flatMap((label) => (label === undefined ? [] : [label])),
			groups: groups ?? [],
		};
	} catch (thrown) {
		if (thrown instanceof SyntaxError || thrown instanceof SchemaError) return undefined;
		throw thrown;
	}
}

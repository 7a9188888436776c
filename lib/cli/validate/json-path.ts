import type { JsonNode } from "../../cni/json/json-node.ts";

/** Paths as schemas write them: `ipam.ranges[0][1].subnet`. */
export function memberPath(path: string, key: string): string {
	return path === "" ? key : `${path}.${key}`;
}

export function itemPath(path: string, index: number): string {
	return `${path}[${index}]`;
}

/** Where in the text each part of a document is, by path; of duplicate keys the last, which is the one that counts. */
export function offsetsByPath(root: JsonNode): ReadonlyMap<string, number> {
	const offsets = new Map<string, number>();
	const visit = (node: JsonNode, path: string) => {
		offsets.set(path, node.offset);
		if (node.kind === "list") for (const [index, item] of node.items.entries()) visit(item, itemPath(path, index));
		if (node.kind === "object") for (const { key, value } of node.members) visit(value, memberPath(path, key));
	};
	visit(root, "");
	return offsets;
}

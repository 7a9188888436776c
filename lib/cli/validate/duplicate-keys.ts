import type { JsonNode } from "../../cni/json/json-node.ts";
import type { Finding } from "./finding.ts";
import { itemPath, memberPath } from "./json-path.ts";

/** Keys that an object has twice: parsers take the last and say nothing. */
export function duplicateKeys(node: JsonNode, path = ""): Finding[] {
	if (node.kind === "scalar") return [];
	if (node.kind === "list") return node.items.flatMap((item, index) => duplicateKeys(item, itemPath(path, index)));
	const seen = new Set<string>();
	return node.members.flatMap(({ key, keyOffset, value }) => {
		const own = memberPath(path, key);
		const findings = duplicateKeys(value, own);
		if (seen.has(key)) {
			findings.unshift({
				severity: "error",
				path: own,
				offset: keyOffset,
				message: "duplicate key. Only this last value counts; remove the other",
			});
		}
		seen.add(key);
		return findings;
	});
}

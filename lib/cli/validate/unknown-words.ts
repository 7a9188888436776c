import type { Shape } from "../../cni/schema.ts";
import type { Finding } from "./finding.ts";
import { itemPath, memberPath } from "./json-path.ts";

/** Texts that stand where only some words have a meaning, and are none of them. */
export function unknownWords(value: unknown, shape: Shape, path: string): Finding[] {
	if (shape.kind === "string" && typeof value === "string") {
		const { words } = shape;
		if (words === undefined || value === "" || words.known.includes(value)) return [];
		const known = words.known.map((word) => `"${word}"`).join(", ");
		const severity = words.others === "refused" ? "error" : "warning";
		const effect = words.others === "refused" ? "refused" : "the same as none";
		return [{ severity, path, message: `"${value}" is ${effect}. Known here: ${known}` }];
	}
	if (shape.kind === "list" && Array.isArray(value)) {
		return value.flatMap((item, index) => unknownWords(item, shape.of, itemPath(path, index)));
	}
	if (shape.kind !== "object" || typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([key, item]) => {
		const name = Object.keys(shape.fields).find((known) => known.toLowerCase() === key.toLowerCase());
		const field = name === undefined ? undefined : shape.fields[name];
		return field === undefined ? [] : unknownWords(item, field, memberPath(path, key));
	});
}

import type { JsonMember, JsonNode, JsonObject } from "../../cni/json/json-node.ts";
import type { Shape } from "../../cni/schema.ts";
import type { Finding } from "./finding.ts";
import { itemPath, memberPath } from "./json-path.ts";
import { nearestKey } from "./nearest-key.ts";

export interface KeyRules {
	readonly path: string;
	/** Keys of the outermost object that the shape does not know are somebody else's. */
	readonly open?: boolean;
	/** Keys must match exactly: a wrong letter case is an error, not a blemish. */
	readonly exact?: boolean;
}

/** Keys that nobody reads, and keys in another letter case than documented, compared with a declared shape. */
export function unknownKeys(node: JsonNode, shape: Shape, rules: KeyRules): Finding[] {
	const below = (child: JsonNode, of: Shape, path: string) => unknownKeys(child, of, { path });
	if (node.kind === "list" && shape.kind === "list") {
		return node.items.flatMap((item, index) => below(item, shape.of, itemPath(rules.path, index)));
	}
	if (node.kind !== "object") return [];
	if (shape.kind === "record") {
		return node.members.flatMap(({ key, value }) => below(value, shape.of, memberPath(rules.path, key)));
	}
	if (shape.kind !== "object") return [];
	const names = Object.keys(shape.fields);
	return [
		...clashes(node, rules.path),
		...node.members.flatMap((member) => {
			const name = names.find((known) => known === member.key) ?? sameButForCase(member.key, names);
			const own = name === undefined ? unknown(member, names, rules) : spelling(member, name, rules);
			const field = name === undefined ? undefined : shape.fields[name];
			return field === undefined ? own : [...own, ...below(member.value, field, memberPath(rules.path, member.key))];
		}),
	];
}

function sameButForCase(key: string, names: readonly string[]): string | undefined {
	return names.find((known) => known.toLowerCase() === key.toLowerCase());
}

/** Two keys that differ in case only are the same key to a plugin. */
function clashes({ members }: JsonObject, path: string): Finding[] {
	return members.flatMap(({ key, keyOffset }, index) => {
		const other = members.slice(0, index).find((before) => before.key !== key && isSame(before.key, key));
		if (other === undefined) return [];
		const message = `same key as "${other.key}" but for its letter case; only one of them counts. Remove one`;
		return [{ severity: "error", path: memberPath(path, key), offset: keyOffset, message } as const];
	});
}

function isSame(a: string, b: string): boolean {
	return a.toLowerCase() === b.toLowerCase();
}

function unknown({ key, keyOffset }: JsonMember, names: readonly string[], { path, open }: KeyRules): Finding[] {
	if (open || isComment(key) || key.startsWith("cni.dev/")) return [];
	const nearest = nearestKey(key, names);
	const help = nearest === undefined ? `Known here: ${[...names].sort().join(", ")}` : `Did you mean "${nearest}"?`;
	const message = `unknown key. ${help}`;
	return [{ severity: "error", path: memberPath(path, key), offset: keyOffset, message }];
}

/** JSON has no comments; these are how people write them. */
function isComment(key: string): boolean {
	return key.startsWith("_") || key.startsWith("//") || key.startsWith("#") || key === "comment";
}

function spelling({ key, keyOffset }: JsonMember, name: string, { path, exact }: KeyRules): Finding[] {
	if (key === name) return [];
	const severity = exact ? "error" : "warning";
	const message = exact
		? `not read: here the letter case counts. Write "${name}"`
		: `understood as "${name}", but other implementations may not. Write "${name}"`;
	return [{ severity, path: memberPath(path, key), offset: keyOffset, message }];
}

import type { PluginRegistry } from "../../cni/call.ts";
import type { JsonNode } from "../../cni/json/json-node.ts";
import { asObject, memberOf, objectMemberOf } from "../../cni/member-of.ts";
import type { Shape } from "../../cni/schema.ts";
import { itemPath, memberPath } from "./json-path.ts";

/** The configuration of a plugin within that of another, which calls it: a member of a chain, a delegate. */
export interface NestedPlugin {
	readonly path: string;
	readonly value: unknown;
	/** Undefined where only values are looked at. */
	readonly node: JsonNode | undefined;
}

/** Those that `value`, of the declared shape, holds directly. */
export function nestedPlugins(shape: Shape, { path, value, node }: NestedPlugin): readonly NestedPlugin[] {
	switch (shape.kind) {
		case "plugin":
			return [{ path, value, node }];
		case "list":
			if (!Array.isArray(value)) return [];
			return value.flatMap((item: unknown, index) => {
				const itemNode = node?.kind === "list" ? node.items[index] : undefined;
				return nestedPlugins(shape.of, { path: itemPath(path, index), value: item, node: itemNode });
			});
		case "object":
			if (typeof value !== "object" || value === null) return [];
			return Object.entries(value).flatMap(([key, item]) => {
				const field = fieldOf(shape.fields, key);
				if (field === undefined) return [];
				const members = node?.kind === "object" ? node.members : [];
				const itemNode = members.findLast((member) => member.key === key)?.value;
				return nestedPlugins(field, { path: memberPath(path, key), value: item, node: itemNode });
			});
		default:
			return [];
	}
}

/** The executables that a plugin's configuration names, and where: its own and its IPAM plugin's, and of those within. */
export interface NamedTypes {
	readonly path: string;
	readonly type: string;
	/** Empty without one. */
	readonly ipamType: string;
}

/** @param config.path of the plugin's configuration */
export async function typesWithin(
	plugins: PluginRegistry,
	{ path, document }: { path: string; document: Readonly<Record<string, unknown>> },
): Promise<readonly NamedTypes[]> {
	const type = textOf(memberOf(document, "type"));
	const here = { path, type, ipamType: textOf(memberOf(objectMemberOf(document, "ipam") ?? {}, "type")) };
	const own = await plugins.load(type);
	const found: NamedTypes[] = [here];
	const nested = own === undefined ? [] : nestedPlugins(own.schema.shape, { path, value: document, node: undefined });
	for (const { path: at, value } of nested) {
		const inner = asObject(value);
		if (inner !== undefined) found.push(...(await typesWithin(plugins, { path: at, document: inner })));
	}
	return found;
}

function textOf(value: unknown): string {
	return typeof value === "string" ? value : "";
}

function fieldOf(fields: Readonly<Record<string, Shape>>, key: string): Shape | undefined {
	const name = Object.keys(fields).find((known) => known.toLowerCase() === key.toLowerCase());
	return name === undefined ? undefined : fields[name];
}

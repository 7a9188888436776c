import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Shape } from "../../lib/cni/schema.ts";
import { root } from "../support/paths.ts";

/**
 * What each plugin declares to read of its configuration, by type. Asked of the sources in a process of their own, as
 * Jest cannot load them.
 */
export function readPluginShapes(): Readonly<Record<string, Shape>> {
	const script = `
		import { plugins } from "${join(root, "plugins/registry.ts")}";
		const shapes = {};
		for (const type of plugins.types) shapes[type] = (await plugins.load(type)).schema.shape;
		console.log(JSON.stringify(shapes));
	`;
	return JSON.parse(execFileSync(join(root, "node_modules/.bin/bun"), ["-e", script], { encoding: "utf8" }));
}

/** A configuration's fragment in which the value at `path` has the wrong type. */
export interface WrongType {
	readonly path: string;
	readonly fragment: unknown;
}

/** One for each key that the shape declares, at any depth. */
export function wrongTypes(shape: Shape, path = ""): readonly WrongType[] {
	const here =
		path === "" || shape.kind === "any" || shape.kind === "plugin" ? [] : [{ path, fragment: wrongValue(shape) }];
	switch (shape.kind) {
		case "object":
			return [
				...here,
				...Object.entries(shape.fields).flatMap(([key, field]) =>
					wrongTypes(field, path === "" ? key : `${path}.${key}`).map(({ path: at, fragment }) => ({
						path: at,
						fragment: { [key]: fragment },
					})),
				),
			];
		case "list":
			return [
				...here,
				...wrongTypes(shape.of, `${path}[0]`).map(({ path: at, fragment }) => ({ path: at, fragment: [fragment] })),
			];
		case "record":
			return [
				...here,
				...wrongTypes(shape.of, `${path}.k`).map(({ path: at, fragment }) => ({ path: at, fragment: { k: fragment } })),
			];
		default:
			return here;
	}
}

function wrongValue({ kind }: Shape): unknown {
	return { boolean: "true", integer: 1.5, string: 5, list: {}, record: [], object: [], any: null, plugin: null }[kind];
}

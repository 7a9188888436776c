import type { PluginRegistry } from "../../cni/call.ts";
import type { JsonNode } from "../../cni/json/json-node.ts";
import { asObject, memberOf, objectMemberOf } from "../../cni/member-of.ts";
import type { Plugin } from "../../cni/plugin.ts";
import { decodeDocument, type Schema, SchemaError, type Shape } from "../../cni/schema.ts";
import { capabilityFindings } from "./capability-findings.ts";
import { commonSchema } from "./common-keys.ts";
import type { Finding } from "./finding.ts";
import { memberPath } from "./json-path.ts";
import { nestedPlugins } from "./nested-plugins.ts";
import { unknownKeys } from "./unknown-keys.ts";
import { unknownWords } from "./unknown-words.ts";

export interface PluginContext {
	readonly plugins: PluginRegistry;
	readonly path: string;
	/** Whether the configuration stands in a list, which then says name and version. */
	readonly inList: boolean;
}

/** What is wrong with the configuration of one plugin, as far as its own and its IPAM plugin's schemas tell. */
export async function pluginFindings(node: JsonNode, value: unknown, context: PluginContext): Promise<Finding[]> {
	const { path, plugins } = context;
	const document = asObject(value);
	if (document === undefined)
		return [{ severity: "error", path, message: "must be an object: a plugin's configuration" }];
	const type = textOf(document, "type");
	const ipam = objectMemberOf(document, "ipam") ?? {};
	const ipamType = textOf(ipam, "type");
	const own = await load(plugins, type);
	const ipamPlugin = await load(plugins, ipamType);
	const schemas = [commonSchema as Schema<unknown>, ...[own, ipamPlugin].flatMap((plugin) => plugin?.schema ?? [])];
	const shape = mergeShapes(schemas.map((schema) => schema.shape));
	const foreignIpam = ipamType !== "" && ipamPlugin === undefined;
	return [
		...typeFindings(document, { own, path }),
		...unknownKeys(node, ipamPlugin === undefined ? withFreeIpam(shape) : shape, { path, open: own === undefined }),
		...wrongTypes(schemas, document, path),
		...unknownWords(document, shape, path),
		...ipamFindings({ ipam, ipamType, foreignIpam, path }),
		...capabilityFindings(document, { own, ipamPlugin, path }),
		...misplacedKeys(document, context),
		...(await nestedFindings(shape, { node, value, context })),
	];
}

/** Of the plugins that this one calls. */
async function nestedFindings(
	shape: Shape,
	{ node, value, context }: { node: JsonNode; value: unknown; context: PluginContext },
): Promise<Finding[]> {
	const findings: Finding[] = [];
	for (const nested of nestedPlugins(shape, { path: context.path, value, node })) {
		const { path, node: at = node } = nested;
		findings.push(...(await pluginFindings(at, nested.value, { ...context, path, inList: true })));
	}
	return findings;
}

/** Below these keys anything may stand, whatever a plugin reads of it. */
const freeKeys = ["args", "runtimeConfig", "prevResult", "capabilities", "labels"];

function load(plugins: PluginRegistry, type: string): Promise<Plugin> | undefined {
	return plugins.load(type);
}

/** All fields of several shapes, objects merged at every level. */
function mergeShapes(shapes: readonly Shape[]): Shape {
	const merged = shapes.reduce(merge);
	if (merged.kind !== "object") return merged;
	const free = Object.fromEntries(freeKeys.map((key) => [key, { kind: "any" } as const]));
	return { kind: "object", fields: { ...merged.fields, ...free } };
}

function merge(a: Shape, b: Shape): Shape {
	if (a.kind !== "object" || b.kind !== "object") return b;
	const fields: Record<string, Shape> = { ...a.fields };
	for (const [name, shape] of Object.entries(b.fields)) {
		const present = fields[name];
		fields[name] = present === undefined ? shape : merge(present, shape);
	}
	return { kind: "object", fields };
}

function withFreeIpam(shape: Shape): Shape {
	return shape.kind === "object" ? { kind: "object", fields: { ...shape.fields, ipam: { kind: "any" } } } : shape;
}

function typeFindings(
	document: Readonly<Record<string, unknown>>,
	{ own, path }: { own: Plugin | undefined; path: string },
): Finding[] {
	const at = memberPath(path, "type");
	const type = memberOf(document, "type") ?? "";
	if (typeof type !== "string") return [];
	if (type === "") return [{ severity: "error", path: at, message: `missing. Name the executable: "type": "bridge"` }];
	if (type.includes("/")) return [{ severity: "error", path: at, message: `"${type}" must be a name, not a path` }];
	if (own !== undefined) return [];
	const message = `"${type}" is no plugin of this suite: only the keys that all plugins share were checked`;
	return [{ severity: "note", path: at, message }];
}

/** What the plugins would refuse to decode. */
function wrongTypes(schemas: readonly Schema<unknown>[], document: object, path: string): Finding[] {
	const found = new Map<string, Finding>();
	for (const schema of schemas) {
		const tolerate = (problem: SchemaError) => {
			const own = problem.path === "" ? path : memberPath(path, problem.path);
			// The error's text begins with the quoted path, which a finding has in a field of its own.
			const message = problem.message.slice(problem.path === "" ? 0 : problem.path.length + 3);
			if (!found.has(own)) found.set(own, { severity: "error", path: own, message });
		};
		try {
			decodeDocument(schema, document, tolerate);
		} catch (thrown) {
			if (!(thrown instanceof SchemaError)) throw thrown;
			tolerate(thrown);
		}
	}
	return [...found.values()];
}

function ipamFindings(given: {
	ipam: Readonly<Record<string, unknown>>;
	ipamType: string;
	foreignIpam: boolean;
	path: string;
}): Finding[] {
	const { ipam, ipamType, foreignIpam, path } = given;
	const at = memberPath(path, "ipam");
	if (foreignIpam) {
		const message = `"${ipamType}" is no plugin of this suite: its keys were not checked`;
		return [{ severity: "note", path: memberPath(at, "type"), message }];
	}
	if (ipamType !== "" || Object.keys(ipam).length === 0) return [];
	const message = `no "type": the section is not read and containers get no address. Write "type": "host-local"`;
	return [{ severity: "error", path: at, message }];
}

/** Keys that the runtime writes over, or that belong to it. */
function misplacedKeys(document: Readonly<Record<string, unknown>>, { inList, path }: PluginContext): Finding[] {
	const findings: Finding[] = [];
	for (const key of inList ? ["name", "cniVersion"] : []) {
		if (document[key] === undefined) continue;
		const message = `has no effect: the list's "${key}" replaces it. Remove it`;
		findings.push({ severity: "warning", path: memberPath(path, key), message });
	}
	for (const key of ["prevResult", "runtimeConfig"]) {
		if (document[key] === undefined) continue;
		const message = "belongs to the runtime, which may write over it. Remove it";
		findings.push({ severity: "warning", path: memberPath(path, key), message });
	}
	return findings;
}

function textOf(document: Readonly<Record<string, unknown>>, key: string): string {
	const value = memberOf(document, key);
	return typeof value === "string" ? value : "";
}

import type { PluginRegistry } from "../../cni/call.ts";
import { errorText } from "../../cni/error.ts";
import type { JsonNode } from "../../cni/json/json-node.ts";
import { JsonSyntaxError, parseJsonText } from "../../cni/json/parse-json-text.ts";
import { wrapPluginConfig } from "../../cni/runtime/load-network-file.ts";
import type { NetworkList } from "../../cni/runtime/network-list.ts";
import { parseNetworkList } from "../../cni/runtime/parse-network-list.ts";
import { parsePluginConfig } from "../../cni/runtime/parse-plugin-config.ts";
import { decodeDocument, type SchemaError } from "../../cni/schema.ts";
import { listSchema } from "./common-keys.ts";
import { duplicateKeys } from "./duplicate-keys.ts";
import type { Finding } from "./finding.ts";
import { itemPath, offsetsByPath } from "./json-path.ts";
import { type ConfigKind, networkFindings } from "./network-findings.ts";
import { pluginFindings } from "./plugin-findings.ts";
import { unknownKeys } from "./unknown-keys.ts";

/** A configuration as far as it can be read, and what there is to say about it. */
export interface Validation {
	readonly network: NetworkList | undefined;
	/** In the order of the text. */
	readonly findings: readonly Finding[];
	/** Where in the text a path is; where it is missing, the nearest object around it. */
	readonly offsetOf: (path: string) => number;
}

/** Examines the text of a configuration. Plugins of a folder beside it are examined by themselves. */
export async function validateNetwork(
	text: string,
	{ kind, plugins }: { kind: ConfigKind; plugins: PluginRegistry },
): Promise<Validation> {
	let root: JsonNode;
	try {
		root = parseJsonText(text);
	} catch (thrown) {
		if (!(thrown instanceof JsonSyntaxError)) throw thrown;
		const { message, offset } = thrown;
		return unreadable({ severity: "error", path: "", offset, message: explain(text, message) });
	}
	const document: unknown = JSON.parse(text);
	if (root.kind !== "object") {
		const message = "must be an object: the configuration of a network";
		return unreadable({ severity: "error", path: "", offset: root.offset, message });
	}
	const findings =
		kind === "conflist"
			? await listFindings(root, document as Readonly<Record<string, unknown>>, plugins)
			: await singleFindings(root, document, plugins);
	findings.push(...duplicateKeys(root));
	const network = readNetwork(text, { kind, findings });
	if (network !== undefined) findings.push(...(await networkFindings(network, { kind, plugins })));
	const offsets = offsetsByPath(root);
	const offsetOf = (path: string) => nearestOffset(path, offsets);
	return { network, findings: inOrder(findings, offsetOf), offsetOf };
}

function unreadable(finding: Finding): Validation {
	return { network: undefined, findings: [finding], offsetOf: () => 0 };
}

function explain(text: string, message: string): string {
	if (text.startsWith("\uFEFF")) return `${message}: the file begins with a byte order mark. Save it without`;
	return message;
}

async function listFindings(
	root: JsonNode,
	document: Readonly<Record<string, unknown>>,
	plugins: PluginRegistry,
): Promise<Finding[]> {
	const findings = unknownKeys(root, listSchema.shape, { path: "", exact: true });
	const tolerate = ({ path, message }: SchemaError) => {
		findings.push({ severity: "error", path, message: message.slice(path === "" ? 0 : path.length + 3) });
	};
	decodeDocument(listSchema, document, tolerate);
	const nodes = root.kind === "object" ? root.members.findLast(({ key }) => key === "plugins")?.value : undefined;
	const values = Array.isArray(document.plugins) ? document.plugins : [];
	for (const [index, node] of (nodes?.kind === "list" ? nodes.items : []).entries()) {
		const context = { plugins, path: itemPath("plugins", index), inList: true };
		findings.push(...(await pluginFindings(node, values[index], context)));
	}
	return findings;
}

async function singleFindings(root: JsonNode, document: unknown, plugins: PluginRegistry): Promise<Finding[]> {
	return await pluginFindings(root, document, { plugins, path: "", inList: false });
}

/** The network as a runtime reads it; if it cannot and nothing found so far says why, the reason becomes a finding. */
function readNetwork(
	text: string,
	{ kind, findings }: { kind: ConfigKind; findings: Finding[] },
): NetworkList | undefined {
	try {
		return kind === "conflist" ? parseNetworkList(Buffer.from(text)) : wrapPluginConfig(parsePluginConfig(text));
	} catch (thrown) {
		if (!findings.some(({ severity }) => severity === "error")) {
			findings.push({ severity: "error", path: "", message: errorText(thrown) });
		}
		return undefined;
	}
}

/** Findings by their place in the text; a key that is missing stands where the object that lacks it does. */
function inOrder(findings: readonly Finding[], offsetOf: Validation["offsetOf"]): Finding[] {
	return findings
		.map((finding) => ({ ...finding, offset: finding.offset ?? offsetOf(finding.path) }))
		.sort((a, b) => a.offset - b.offset);
}

function nearestOffset(path: string, offsets: ReadonlyMap<string, number>): number {
	for (let part = path; part !== ""; part = part.slice(0, Math.max(part.lastIndexOf("."), part.lastIndexOf("["), 0))) {
		const offset = offsets.get(part);
		if (offset !== undefined) return offset;
	}
	return offsets.get("") ?? 0;
}

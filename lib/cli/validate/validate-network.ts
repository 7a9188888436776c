import type { PluginRegistry } from "../../cni/call.ts";
import { errorText, toCniError } from "../../cni/error.ts";
import type { JsonNode } from "../../cni/runtime/json/json-node.ts";
import { JsonSyntaxError, parseJsonText } from "../../cni/runtime/json/parse-json-text.ts";
import { wrapPluginConfig } from "../../cni/runtime/load-network-file.ts";
import type { NetworkList } from "../../cni/runtime/network-list.ts";
import { parseNetworkList } from "../../cni/runtime/parse-network-list.ts";
import { parsePluginConfig } from "../../cni/runtime/parse-plugin-config.ts";
import { decodeDocument, type SchemaError } from "../../cni/schema.ts";
import { validateNetworkName } from "../../cni/validate.ts";
import { listSchema } from "./common-keys.ts";
import { duplicateKeys } from "./duplicate-keys.ts";
import type { Finding } from "./finding.ts";
import { itemPath, offsetsByPath } from "./json-path.ts";
import { pluginFindings } from "./plugin-findings.ts";
import { unknownKeys } from "./unknown-keys.ts";
import { versionFindings } from "./version-findings.ts";

/** A configuration as far as it can be read, and what there is to say about it. */
export interface Validation {
	readonly network: NetworkList | undefined;
	/** In the order of the text. */
	readonly findings: readonly Finding[];
}

export type ConfigKind = "conflist" | "conf";

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
		return { network: undefined, findings: [{ severity: "error", path: "", offset, message: explain(text, message) }] };
	}
	const document: unknown = JSON.parse(text);
	if (root.kind !== "object") {
		const message = "must be an object: the configuration of a network";
		return { network: undefined, findings: [{ severity: "error", path: "", offset: root.offset, message }] };
	}
	const findings =
		kind === "conflist"
			? await listFindings(root, document as Readonly<Record<string, unknown>>, plugins)
			: await singleFindings(root, document, plugins);
	findings.push(...duplicateKeys(root));
	const network = readNetwork(text, { kind, findings });
	if (network !== undefined) findings.push(...networkFindings(network, { kind }));
	return { network, findings: inOrder(findings, root) };
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

function networkFindings(network: NetworkList, { kind }: { kind: ConfigKind }): Finding[] {
	const findings: Finding[] = [];
	if (network.name === "") {
		findings.push({ severity: "error", path: "name", message: `missing. Every network has one: "name": "mynet"` });
	} else {
		try {
			validateNetworkName(network.name);
		} catch (thrown) {
			const help = "Use letters, digits, _ . - and begin with a letter or digit";
			findings.push({ severity: "error", path: "name", message: `${toCniError(thrown).message}. ${help}` });
		}
	}
	findings.push(...versionFindings(network.cniVersion, { path: "cniVersion" }));
	if (kind === "conf") {
		const message =
			"configurations of a single plugin ended with version 1.0.0. Put it into the plugins of a .conflist";
		const severity = network.cniVersion.startsWith("0.") || network.cniVersion === "" ? "note" : "warning";
		findings.push({ severity, path: "", message });
	}
	if (kind === "conflist" && network.plugins.length === 0) {
		const message = `no plugins here: only those in the folder "${network.name}" beside this file are used`;
		findings.push({ severity: "note", path: "", message });
	}
	return findings;
}

/** Findings by their place in the text; a key that is missing stands where the object that lacks it does. */
function inOrder(findings: readonly Finding[], root: JsonNode): Finding[] {
	const offsets = offsetsByPath(root);
	return findings
		.map((finding) => ({ ...finding, offset: finding.offset ?? nearestOffset(finding.path, offsets) }))
		.sort((a, b) => a.offset - b.offset);
}

function nearestOffset(path: string, offsets: ReadonlyMap<string, number>): number {
	for (let part = path; part !== ""; part = part.slice(0, Math.max(part.lastIndexOf("."), part.lastIndexOf("["), 0))) {
		const offset = offsets.get(part);
		if (offset !== undefined) return offset;
	}
	return offsets.get("") ?? 0;
}

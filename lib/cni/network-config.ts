import { decodeStrictUtf8 } from "../linux/utf8.ts";
import { CniError, ErrorCode } from "./error.ts";
import { explainSyntax } from "./json/parse-json.ts";
import type { Attachment } from "./plugin.ts";
import { decodeDocument, describeValue, list, object, required, type Schema, SchemaError, string } from "./schema.ts";
import { validateIfName, validateNetworkName } from "./validate.ts";

/** A network configuration as it came on stdin: the decoded JSON object. */
export type Document = Readonly<Record<string, unknown>>;

/** Larger than any real configuration: GC's list of 100,000 attachments is 10 MB. */
const maxBytes = 64 * 1024 * 1024;

/** Parses stdin. JSON `null` is the empty object. @throws CniError code 6 */
export function parseDocument(bytes: Uint8Array): Document {
	if (bytes.byteLength > maxBytes) {
		throw undecodable(`it has ${bytes.byteLength} bytes, and the limit is ${maxBytes}`);
	}
	let text: string;
	try {
		text = decodeStrictUtf8(bytes);
	} catch {
		throw undecodable("it is not valid UTF-8", "Save the configuration file in UTF-8");
	}
	if (text.trim() === "") throw undecodable("unexpected end of JSON input", "Pass the network configuration on stdin");
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (thrown) {
		// An engine says what is wrong in words of its own, or hardly at all.
		const { message, place } = explainSyntax(text, thrown);
		throw undecodable(message, place === "" ? "" : `At ${place}; \`cnictl validate FILE\` shows it`);
	}
	if (value === null) return {};
	if (typeof value !== "object" || Array.isArray(value)) {
		throw undecodable(`the configuration must be a JSON object, not ${describeValue(value)}`);
	}
	return value as Document;
}

function undecodable(reason: string, details = ""): CniError {
	return new CniError(ErrorCode.decodingFailure, `error unmarshall network config: ${reason}`, { details });
}

/** The network's name. @throws CniError code 6 for a wrong type, 7 for a missing or unusable name */
export function networkNameOf(document: Document): string {
	const { name } = decodeKey(nameKey, document, "error unmarshall network config");
	if (name === "") throw new CniError(ErrorCode.invalidNetworkConfig, "missing network name");
	validateNetworkName(name);
	return name;
}

/** `cniVersion` as written; empty when it is missing. @throws CniError code 6 */
export function versionTextOf(document: Document): string {
	return decodeKey(versionKey, document, "decoding version from network config").cniVersion;
}

const nameKey = required(object({ name: string("") }));
const versionKey = required(object({ cniVersion: string("") }));

function decodeKey<T>(schema: Schema<T>, document: Document, prefix: string): T {
	try {
		return decodeDocument(schema, document);
	} catch (thrown) {
		if (!(thrown instanceof SchemaError)) throw thrown;
		throw new CniError(ErrorCode.decodingFailure, `${prefix}: ${thrown.message}`);
	}
}

const attachmentList = list(object({ containerID: string(""), ifname: string("") }));
const attachmentKeyNames = ["cni.dev/valid-attachments", "cni.dev/attachments"] as const;
const attachmentKeys = required(
	object({ "cni.dev/valid-attachments": attachmentList, "cni.dev/attachments": attachmentList }),
);

/**
 * The attachments that GC must leave alone. A list that is empty or null (libcni's form of an empty one) means that none
 * is valid any more. Without any list there is no proof of anything: undefined. The key of libcni's first release is
 * read where the right one is missing.
 *
 * @throws CniError code 7: with a list that cannot be understood, nothing may be removed
 */
export function validAttachmentsOf(document: Document): readonly Attachment[] | undefined {
	const present = Object.keys(document).map((key) => key.toLowerCase());
	if (!attachmentKeyNames.some((name) => present.includes(name))) return undefined;
	const keys = decodeKey(attachmentKeys, document, "Cannot read the list of valid attachments");
	const attachments = keys["cni.dev/valid-attachments"] ?? keys["cni.dev/attachments"] ?? [];
	return attachments.map((attachment, index) => {
		const { containerID = "", ifname = "" } = attachment ?? {};
		if (containerID === "" || ifname === "") {
			throw new CniError(
				ErrorCode.invalidNetworkConfig,
				`Cannot read the list of valid attachments: entry ${index} lacks ${containerID === "" ? "containerID" : "ifname"}`,
				{ details: 'Entries have the form {"containerID":"…","ifname":"…"}. Nothing was removed' },
			);
		}
		validateIfName(ifname);
		return { containerId: containerID, ifName: ifname };
	});
}

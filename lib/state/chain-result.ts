import { decodeResult } from "../cni/decode-result.ts";
import { encodeResult } from "../cni/encode-result.ts";
import { CniError, ErrorCode, messageOf } from "../cni/error.ts";
import type { Attachment } from "../cni/plugin.ts";
import type { Result } from "../cni/result.ts";
import { isSpecVersion, type SpecVersion } from "../cni/version.ts";
import { type AttachmentFile, type AttachmentFiles, attachmentFiles } from "./attachment-files.ts";

/*
 * What an ADD of a chain has come to, kept for CHECK and DEL, because Mesos gives them no prevResult: one file for each
 * attachment (attachment-files.ts) in <stateDir>/chain/<network>/, one line of JSON, the result in the version in which
 * the members ran:
 *
 *     {"cniVersion":"1.1.0","interfaces":[…],"ips":[…],"routes":[…]}
 *
 * stateDir is below /run by default: a file tells of what is in the kernel, and ends with it. After a reboot Mesos sends
 * no DEL that would remove it.
 */

export interface ChainNetwork {
	readonly stateDir: string;
	/** Validated: it has no slash. */
	readonly network: string;
}

export interface ChainResult {
	readonly version: SpecVersion;
	readonly result: Result;
}

/** @throws CniError code 5 */
export function writeChainResult(
	network: ChainNetwork,
	{ attachment, kept }: { attachment: Attachment; kept: ChainResult },
): void {
	const files = filesOf(network);
	const text = `${JSON.stringify(encodeResult(kept.result, kept.version))}\n`;
	accessing(`Cannot keep the result of the chain in "${files.pathOf(attachment)}"`, () =>
		files.write(attachment, text),
	);
}

/** What is kept of the attachment, or undefined. @throws CniError code 5 or 6 when it cannot be read */
export function readChainResult(network: ChainNetwork, attachment: Attachment): ChainResult | undefined {
	const files = filesOf(network);
	const path = files.pathOf(attachment);
	const text = accessing(`Cannot read the result of the chain in "${path}"`, () => files.read(attachment));
	return text === undefined ? undefined : parseChainResult(text, path);
}

/** Every file, complete or not, and the result where that can be read. @throws CniError code 5 */
export function listChainResults(network: ChainNetwork): readonly ChainResultFile[] {
	return accessing(`Cannot read the results of chains in "${directoryOf(network)}"`, () =>
		filesOf(network)
			.list()
			.map((file) => ({ ...file, kept: file.complete ? parseOrNothing(file) : undefined })),
	);
}

export interface ChainResultFile extends AttachmentFile {
	readonly kept: ChainResult | undefined;
}

function parseOrNothing({ text, path }: AttachmentFile): ChainResult | undefined {
	try {
		return parseChainResult(text, path);
	} catch {
		return undefined;
	}
}

/** Forgets the attachment, of which nothing may be kept. @throws CniError code 5 */
export function removeChainResult(network: ChainNetwork, attachment: Attachment): void {
	const files = filesOf(network);
	accessing(`Cannot remove "${files.pathOf(attachment)}"`, () => files.remove(attachment));
}

/** Forgets all attachments of the network that are not valid. @throws CniError code 5 */
export function collectChainResults(network: ChainNetwork, validAttachments: readonly Attachment[]): void {
	accessing(`Cannot remove results of chains in "${directoryOf(network)}"`, () =>
		filesOf(network).retain(validAttachments),
	);
}

function directoryOf({ stateDir, network }: ChainNetwork): string {
	return `${stateDir}/chain/${network}`;
}

function filesOf(network: ChainNetwork): AttachmentFiles {
	return attachmentFiles(directoryOf(network));
}

function parseChainResult(text: string, path: string): ChainResult {
	try {
		const body = JSON.parse(text) as { readonly cniVersion?: unknown } | null;
		const version = body?.cniVersion;
		if (typeof version !== "string" || !isSpecVersion(version)) throw new Error("it names no version");
		return { version, result: decodeResult(body, { assumedVersion: version }) };
	} catch (thrown) {
		const message = `Cannot decode the result of the chain in "${path}": ${messageOf(thrown)}`;
		const details = "Remove the file, or take the attachment away with DEL, which does without it";
		throw new CniError(ErrorCode.decodingFailure, message, { details, cause: thrown });
	}
}

function accessing<T>(what: string, action: () => T): T {
	try {
		return action();
	} catch (thrown) {
		throw new CniError(ErrorCode.ioFailure, `${what}: ${messageOf(thrown)}`, {
			details: `"stateDir" must be a directory in which root can write`,
			cause: thrown,
		});
	}
}

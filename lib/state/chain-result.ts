import { decodeResult } from "../cni/decode-result.ts";
import { encodeResult } from "../cni/encode-result.ts";
import { CniError, ErrorCode, messageOf } from "../cni/error.ts";
import type { Attachment } from "../cni/plugin.ts";
import type { Result } from "../cni/result.ts";
import { sha512Hex } from "../cni/sha512.ts";
import { isSpecVersion, type SpecVersion } from "../cni/version.ts";
import { Errno, errnoOf } from "../linux/errno.ts";
import { listDirectory, makeDirectories, readText, rename, unlink, writeFile } from "../linux/files.ts";

/*
 * What an ADD of a chain has come to, kept for CHECK and DEL, because Mesos gives them no prevResult:
 *
 *   <stateDir>/chain/<network>/                     mode 0755
 *     <container id>:<interface>                    mode 0600, one line of JSON, the result in the version in which the
 *                                                   members ran: {"cniVersion":"1.1.0","interfaces":[…],"ips":[…],…}
 *     .<container id>:<interface>                   the same, not yet complete
 *
 * Neither part of a name may contain ":". Instead of a container id that would not fit into a file name stands the
 * SHA-512 of it.
 *
 * No lock: two verbs for one attachment at a time are forbidden by the specification, and attachments do not share
 * files. A file is written under the name with the dot and renamed: it is whole or not there, and what a crash leaves
 * is overwritten by the next ADD of that attachment, or removed by its DEL or by GC.
 *
 * stateDir is below /run by default, and nothing is synced: a file tells of what is in the kernel, and ends with it. After
 * a reboot Mesos sends no DEL that would remove it.
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
	const { path, incomplete } = pathsOf(network, attachment);
	const text = `${JSON.stringify(encodeResult(kept.result, kept.version))}\n`;
	try {
		inDirectory(directoryOf(network), () => writeFile(incomplete, text));
		rename(incomplete, path);
	} catch (thrown) {
		throw failed(`Cannot keep the result of the chain in "${path}"`, thrown);
	}
}

/** What is kept of the attachment, or undefined. @throws CniError code 5 or 6 when it cannot be read */
export function readChainResult(network: ChainNetwork, attachment: Attachment): ChainResult | undefined {
	const { path } = pathsOf(network, attachment);
	let text: string;
	try {
		text = readText(path);
	} catch (thrown) {
		if (absent.includes(errnoOf(thrown))) return undefined;
		throw failed(`Cannot read the result of the chain in "${path}"`, thrown);
	}
	return parseChainResult(text, path);
}

/** Forgets the attachment, of which nothing may be kept. @throws CniError code 5 */
export function removeChainResult(network: ChainNetwork, attachment: Attachment): void {
	const { path, incomplete } = pathsOf(network, attachment);
	remove([path, incomplete]);
}

/** Forgets all attachments of the network that are not valid. @throws CniError code 5 */
export function collectChainResults(network: ChainNetwork, validAttachments: readonly Attachment[]): void {
	const valid = new Set(validAttachments.map((attachment) => nameOf(attachment)));
	const directory = directoryOf(network);
	const stale = namesIn(directory).filter((name) => !valid.has(name.startsWith(".") ? name.slice(1) : name));
	remove(stale.map((name) => `${directory}/${name}`));
}

function directoryOf({ stateDir, network }: ChainNetwork): string {
	return `${stateDir}/chain/${network}`;
}

function pathsOf(network: ChainNetwork, attachment: Attachment): { path: string; incomplete: string } {
	const directory = directoryOf(network);
	const name = nameOf(attachment);
	return { path: `${directory}/${name}`, incomplete: `${directory}/.${name}` };
}

/** A file name has 255 bytes at most: dot, container id, colon, and 15 of the interface. */
const longestContainerId = 255 - 1 - 1 - 15;

function nameOf({ containerId, ifName }: Attachment): string {
	return `${containerId.length > longestContainerId ? sha512Hex(containerId) : containerId}:${ifName}`;
}

/** Makes the directory only when it turns out to be missing: it is there for every ADD but the first. */
function inDirectory(directory: string, action: () => void): void {
	try {
		action();
	} catch (thrown) {
		if (errnoOf(thrown) !== Errno.ENOENT) throw thrown;
		makeDirectories(directory);
		action();
	}
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

/** ENOTDIR: something else has the place of the directory. */
const absent: readonly number[] = [Errno.ENOENT, Errno.ENOTDIR];

function namesIn(directory: string): readonly string[] {
	try {
		return listDirectory(directory);
	} catch (thrown) {
		if (absent.includes(errnoOf(thrown))) return [];
		throw failed(`Cannot list the results of chains in "${directory}"`, thrown);
	}
}

/** Removes what it can, and then throws the first error. */
function remove(paths: readonly string[]): void {
	const errors: unknown[] = [];
	for (const path of paths) {
		try {
			unlink(path);
		} catch (thrown) {
			if (!absent.includes(errnoOf(thrown))) errors.push(failed(`Cannot remove "${path}"`, thrown));
		}
	}
	if (errors.length > 0) throw errors[0];
}

function failed(what: string, thrown: unknown): CniError {
	return new CniError(ErrorCode.ioFailure, `${what}: ${messageOf(thrown)}`, {
		details: `"stateDir" must be a directory in which root can write`,
		cause: thrown,
	});
}

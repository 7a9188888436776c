import {
	closeSync,
	fsyncSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import { Errno, errnoOf } from "../../linux/errno.ts";
import { CniError, ErrorCode, messageOf } from "../error.ts";
import { asObject } from "../member-of.ts";
import type { Attachment } from "../plugin.ts";
import type { NetworkList } from "./network-list.ts";
import { encodeRecordedResult, type RecordedResult, recordedResultOf } from "./recorded-result.ts";
import type { CniArg, RuntimeAttachment } from "./runtime.ts";

/*
 * What ADD has answered, kept for CHECK, DEL and GC, in libcni's own place and form, so that either may take over
 * from the other while containers run:
 *
 *   <cacheDirectory>/results/                                  mode 0700
 *     <network>-<container id>-<interface>                     mode 0600, one line of JSON:
 *       {"kind":"cniCacheV1","containerId":…,"config":<the conflist, base64>,"ifName":…,"networkName":…,
 *        "netns":…,"cniArgs":[["K","V"]],"capabilityArgs":{…},"result":{…}}      the last four only when not empty
 *
 * The name cannot be taken apart again, since all three parts may contain "-": readers use the JSON. An old file may
 * hold the result alone.
 *
 * No lock: two verbs for one attachment at a time are forbidden by the specification, and attachments do not share
 * files. A file is written beside `results` and renamed into it, so that nobody who lists the folder finds half of one;
 * what a crash leaves of it is overwritten by the next ADD of that attachment.
 */

const kind = "cniCacheV1";

/** An attachment as the cache knows it. */
export interface CachedAttachment extends RuntimeAttachment {
	readonly networkName: string;
}

/** Which file: an attachment of a network. */
export interface CacheKey {
	readonly cacheDirectory: string;
	readonly networkName: string;
	readonly attachment: Attachment;
}

/** @throws Error of node:fs */
export function writeCachedResult(
	cacheDirectory: string,
	{ network, attachment, recorded }: { network: NetworkList; attachment: RuntimeAttachment; recorded: RecordedResult },
): void {
	const { containerId, ifName, netns, args, capabilityArgs } = attachment;
	const path = cachePath({ cacheDirectory, networkName: network.name, attachment });
	const entry = {
		kind,
		containerId,
		config: Buffer.from(network.source).toString("base64"),
		ifName,
		networkName: network.name,
		...(netns === "" ? {} : { netns }),
		...(args.length === 0 ? {} : { cniArgs: args }),
		...(Object.keys(capabilityArgs).length === 0 ? {} : { capabilityArgs }),
		result: encodeRecordedResult(recorded),
	};
	mkdirSync(join(cacheDirectory, "results"), { recursive: true, mode: 0o700 });
	writeAtomically(path, { temporary: join(cacheDirectory, `.${fileName({ network, attachment })}`), entry });
}

/**
 * The result of an attachment, or undefined when none is kept.
 *
 * @throws CniError code 5 or 6
 */
export function readCachedResult(key: CacheKey, networkVersion: string): RecordedResult | undefined {
	const body = readJson(cachePath(key));
	if (body === undefined) return undefined;
	const result = body.kind === kind ? body.result : body;
	return recordedResultOf(asObject(result) ?? {}, networkVersion);
}

/** Forgets the attachment; it may be gone already. @throws Error of node:fs */
export function deleteCachedResult(key: CacheKey): void {
	rmSync(cachePath(key), { force: true });
}

/** Every attachment in the cache, by name of its file. Files that are none of ours, or damaged, are passed over. */
export function listCachedAttachments(cacheDirectory: string): CachedAttachment[] {
	return listCacheEntries(cacheDirectory).map(({ attachment }) => attachment);
}

/** All that the cache has of an attachment. */
export interface CacheEntry {
	readonly path: string;
	/** Milliseconds since the epoch: when ADD had succeeded. */
	readonly changedAt: number;
	readonly attachment: CachedAttachment;
	/** The network's configuration, as it was. */
	readonly config: string;
	/** Undefined when it cannot be read. */
	readonly recorded: RecordedResult | undefined;
}

/** The same with everything else that is kept. */
export function listCacheEntries(cacheDirectory: string): CacheEntry[] {
	const directory = join(cacheDirectory, "results");
	return namesIn(directory).flatMap((name) => readEntry(join(directory, name)));
}

/** Forgets the attachment, unless an ADD has come in between. It may be gone already. @throws Error of node:fs */
export function removeCacheEntry({ path, changedAt }: CacheEntry): void {
	if (statSync(path, { throwIfNoEntry: false })?.mtimeMs === changedAt) rmSync(path, { force: true });
}

function cachePath({ cacheDirectory, networkName, attachment }: CacheKey): string {
	return join(cacheDirectory, "results", fileName({ network: { name: networkName }, attachment }));
}

/** @throws CniError code 4 for a name that would lead out of the folder: DEL comes here with unvalidated names. */
function fileName({ network, attachment }: { network: { readonly name: string }; attachment: Attachment }): string {
	const name = `${network.name}-${attachment.containerId}-${attachment.ifName}`;
	if (!name.includes("/") && !name.includes("\0")) return name;
	throw new CniError(
		ErrorCode.invalidEnvironment,
		`Cannot name a file in the result cache "${name}": it contains "/"`,
		{
			details: "Neither network, container id nor interface may contain it",
		},
	);
}

function writeAtomically(path: string, { temporary, entry }: { temporary: string; entry: unknown }): void {
	rmSync(temporary, { force: true });
	const file = openSync(temporary, "wx", 0o600);
	try {
		writeSync(file, JSON.stringify(entry));
		fsyncSync(file);
	} finally {
		closeSync(file);
	}
	renameSync(temporary, path);
}

function readJson(path: string): Readonly<Record<string, unknown>> | undefined {
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch (thrown) {
		if (errnoOf(thrown) === Errno.ENOENT) return undefined;
		throw new CniError(ErrorCode.ioFailure, `Cannot read "${path}": ${messageOf(thrown)}`, { cause: thrown });
	}
	try {
		const body = asObject(JSON.parse(text));
		if (body !== undefined) return body;
		throw new Error("it holds no object");
	} catch (thrown) {
		throw new CniError(ErrorCode.decodingFailure, `Cannot decode "${path}": ${messageOf(thrown)}`, {
			details: "Delete the file, or take the attachment away with DEL",
			cause: thrown,
		});
	}
}

function readEntry(path: string): CacheEntry[] {
	try {
		const body = readJson(path);
		const attachment = body === undefined ? undefined : attachmentIn(body);
		if (body === undefined || attachment === undefined) return [];
		const config = isText(body.config) ? Buffer.from(body.config, "base64").toString() : "";
		return [{ path, changedAt: statSync(path).mtimeMs, attachment, config, recorded: recordedIn(body) }];
	} catch {
		return [];
	}
}

function recordedIn({ result }: Readonly<Record<string, unknown>>): RecordedResult | undefined {
	try {
		return recordedResultOf(asObject(result) ?? {}, "");
	} catch {
		return undefined;
	}
}

function attachmentIn(body: Readonly<Record<string, unknown>>): CachedAttachment | undefined {
	if (body.kind !== kind || !isText(body.ifName) || !isText(body.networkName)) return undefined;
	return {
		networkName: body.networkName,
		containerId: isText(body.containerId) ? body.containerId : "",
		ifName: body.ifName,
		netns: isText(body.netns) ? body.netns : "",
		args: argsOf(body.cniArgs),
		capabilityArgs: asObject(body.capabilityArgs) ?? {},
	};
}

function argsOf(value: unknown): CniArg[] {
	if (!Array.isArray(value)) return [];
	return value.flatMap((pair: unknown) => {
		const [key, text] = Array.isArray(pair) ? (pair as unknown[]) : [];
		return isText(key) && typeof text === "string" ? [[key, text] as const] : [];
	});
}

function namesIn(directory: string): string[] {
	try {
		return readdirSync(directory).sort();
	} catch {
		return [];
	}
}

function isText(value: unknown): value is string {
	return typeof value === "string" && value !== "";
}

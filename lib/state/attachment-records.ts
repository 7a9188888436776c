import { CniError, ErrorCode, messageOf } from "../cni/error.ts";
import type { Attachment } from "../cni/plugin.ts";
import { type AttachmentFile, attachmentFiles } from "./attachment-files.ts";
import type { SandboxIdentity } from "./sandbox-identity.ts";

/** What is known of an attachment that DEL and GC must find again. */
export interface AttachmentRecord extends Attachment {
	readonly sandbox: SandboxIdentity;
}

/** Records of a network's attachments, one JSON object a file (attachment-files.ts). Every method throws CniError code 5. */
export interface AttachmentRecords<T extends AttachmentRecord> {
	/** Undefined where nothing is kept, or nothing that can be read. */
	read(attachment: Attachment): T | undefined;
	/** Replaces what is kept, whole or not at all. */
	write(record: T): void;
	remove(attachment: Attachment): void;
	readAll(): readonly T[];
	/** Every file, complete or not, and what it says where that can be read. */
	list(): readonly RecordFile<T>[];
	/** Removes records, complete or not, but those of these attachments. */
	retain(attachments: readonly Attachment[]): void;
}

export interface RecordFile<T> extends AttachmentFile {
	readonly record: T | undefined;
}

export interface RecordKind<T> {
	/** For messages: `Cannot keep the record of <what> in "<directory>": …`. */
	readonly what: string;
	/** What a record must have to be one. */
	readonly keys: readonly (keyof T)[];
}

/** The records in `<dataDir>/<network>`. */
export function attachmentRecords<T extends AttachmentRecord>(
	{ dataDir, network }: { dataDir: string; network: string },
	kind: RecordKind<T>,
): AttachmentRecords<T> {
	const files = attachmentFiles(`${dataDir}/${network}`);
	const accessing = <R>(verb: string, action: () => R): R => {
		try {
			return action();
		} catch (thrown) {
			const reason = messageOf(thrown);
			throw new CniError(ErrorCode.ioFailure, `Cannot ${verb} the record of ${kind.what} in "${dataDir}": ${reason}`, {
				details: 'Root must be able to write there; "dataDir" names another directory',
				cause: thrown,
			});
		}
	};
	return {
		read: (attachment) => accessing("read", () => parse(files.read(attachment), kind.keys)),
		write: (record) => accessing("keep", () => files.write(record, `${JSON.stringify(record)}\n`)),
		remove: (attachment) => accessing("remove", () => files.remove(attachment)),
		readAll: () => accessing("read", () => files.readAll().flatMap((text) => parse(text, kind.keys) ?? [])),
		list: () => accessing("read", () => files.list().map((file) => ({ ...file, record: parse(file.text, kind.keys) }))),
		retain: (attachments) => accessing("remove", () => files.retain(attachments)),
	};
}

const keysOfAll: readonly (keyof AttachmentRecord)[] = ["containerId", "ifName", "sandbox"];

function parse<T extends AttachmentRecord>(text: string | undefined, keys: readonly (keyof T)[]): T | undefined {
	if (text === undefined) return undefined;
	try {
		const value = JSON.parse(text) as Partial<T> | null;
		const complete = [...keysOfAll, ...keys].every((key) => value?.[key] !== undefined && value[key] !== null);
		return complete ? (value as T) : undefined;
	} catch {
		return undefined;
	}
}

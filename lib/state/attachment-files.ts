import { everyOne } from "../cni/every-one.ts";
import type { Attachment } from "../cni/plugin.ts";
import { sha512Hex } from "../cni/sha512.ts";
import { inDirectoryOf, unlessAbsent } from "../linux/absent.ts";
import { listDirectory, readText, rename, stat, unlink, writeFile } from "../linux/files.ts";

/**
 * A directory with one file for each attachment of a network:
 *
 *     <directory>/                        mode 0755
 *         <container id>:<interface>      mode 0600
 *         .<container id>:<interface>     the same, not yet complete
 *
 * Neither part of a name may contain ":". Instead of a container id that would not fit into a file name stands the
 * SHA-512 of it, and a file that has to tell its owner says so itself.
 *
 * No lock: two verbs for one attachment at a time are forbidden by the specification, and attachments do not share files.
 * A file is written under the name with the dot and renamed: it is whole or not there. What a crash leaves of it is
 * overwritten by the next write for that attachment, or goes with it. Nothing is synced: use it for what nobody needs
 * after a power failure.
 */
export interface AttachmentFiles {
	/** @throws SystemError */
	write(attachment: Attachment, text: string): void;
	/** Undefined when there is none. @throws SystemError */
	read(attachment: Attachment): string | undefined;
	/** Removes what is there, complete or not. @throws SystemError */
	remove(attachment: Attachment): void;
	/** The text of every complete file. @throws SystemError */
	readAll(): readonly string[];
	/** Every file, complete or not, with what a survey of the host has to know. @throws SystemError */
	list(): readonly AttachmentFile[];
	/** Removes all but those of these attachments. @throws SystemError, after it has removed what it could */
	retain(attachments: readonly Attachment[]): void;
	/** For messages. */
	pathOf(attachment: Attachment): string;
}

export interface AttachmentFile {
	readonly path: string;
	/** The container id or its hash, and the interface. */
	readonly owner: Attachment;
	/** False for what a crash has left: nothing had been done by then. */
	readonly complete: boolean;
	readonly text: string;
	/** Milliseconds since the epoch. */
	readonly changedAt: number;
}

export function attachmentFiles(directory: string): AttachmentFiles {
	const pathOf = (attachment: Attachment) => `${directory}/${nameOf(attachment)}`;
	const incompletePathOf = (attachment: Attachment) => `${directory}/.${nameOf(attachment)}`;
	const names = () => unlessAbsent(() => listDirectory(directory)) ?? [];
	return {
		pathOf,
		write(attachment, text) {
			const incomplete = incompletePathOf(attachment);
			inDirectoryOf(incomplete, () => writeFile(incomplete, text));
			rename(incomplete, pathOf(attachment));
		},
		read: (attachment) => unlessAbsent(() => readText(pathOf(attachment))),
		remove(attachment) {
			everyOne([pathOf(attachment), incompletePathOf(attachment)], removeFile);
		},
		readAll: () =>
			names()
				.filter((name) => !name.startsWith("."))
				.flatMap((name) => unlessAbsent(() => readText(`${directory}/${name}`)) ?? []),
		list: () => names().flatMap((name) => unlessAbsent(() => readEntry(directory, name)) ?? []),
		retain(attachments) {
			const kept = new Set(attachments.map(nameOf));
			const stale = names().filter((name) => !kept.has(name.startsWith(".") ? name.slice(1) : name));
			everyOne(
				stale.map((name) => `${directory}/${name}`),
				removeFile,
			);
		},
	};
}

/** A file name has 255 bytes at most: dot, container id, colon, and 15 of the interface. */
const longestContainerId = 255 - 1 - 1 - 15;

function nameOf({ containerId, ifName }: Attachment): string {
	return `${containerId.length > longestContainerId ? sha512Hex(containerId) : containerId}:${ifName}`;
}

function readEntry(directory: string, name: string): AttachmentFile {
	const path = `${directory}/${name}`;
	const complete = !name.startsWith(".");
	const [containerId = "", ifName = ""] = (complete ? name : name.slice(1)).split(":");
	const { mtimeNs } = stat(path);
	return {
		path,
		owner: { containerId, ifName },
		complete,
		text: readText(path),
		changedAt: Number(mtimeNs / 1_000_000n),
	};
}

function removeFile(path: string): void {
	unlessAbsent(() => unlink(path));
}

import type { Attachment } from "../../cni/plugin.ts";
import { attachmentFiles } from "../../state/attachment-files.ts";
import { formatTagged, noTags, parseTagged, type Tags } from "../tags.ts";

/** The tags of a network's attachments, of those that have any. */
export interface TagFiles {
	write(owner: Attachment, tags: Tags): void;
	/** Nothing there is success. */
	remove(owner: Attachment): void;
	/** Reads all, and says of each owner what it has. */
	readAll(): (owner: Attachment) => Tags;
	/** Removes those of owners that are not valid, and what cannot be read. */
	retain(isValid: (owner: Attachment) => boolean): void;
}

export function createTagFiles(directory: string): TagFiles {
	const files = attachmentFiles(directory);
	const read = () => files.readAll().flatMap((text) => parseTagged(text) ?? []);
	return {
		write: (owner, tags) => files.write(owner, formatTagged({ ...owner, ...tags })),
		remove: files.remove,
		readAll() {
			const byOwner = new Map(read().map((tagged) => [keyOf(tagged), tagged]));
			return (owner) => byOwner.get(keyOf(owner)) ?? noTags;
		},
		retain: (isValid) => files.retain(read().filter(isValid)),
	};
}

function keyOf({ containerId, ifName }: Attachment): string {
	return `${containerId}:${ifName}`;
}

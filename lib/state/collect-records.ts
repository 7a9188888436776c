import { type Attachment, sameAttachment } from "../cni/plugin.ts";
import type { Teardown } from "../cni/teardown.ts";
import type { AttachmentRecord, AttachmentRecords } from "./attachment-records.ts";

/**
 * GC by records: undoes what belongs to no valid attachment, and forgets it. Of what could not be undone the record stays,
 * for the next time. What a killed ADD has left incomplete goes too: nothing had been changed by then.
 */
export async function collectRecords<T extends AttachmentRecord>(
	teardown: Teardown,
	{ records, validAttachments, what, undo }: Collection<T>,
): Promise<void> {
	const kept: Attachment[] = [...validAttachments];
	await teardown.step(what, async () => {
		for (const record of records.readAll()) {
			if (validAttachments.some((valid) => sameAttachment(valid, record))) continue;
			kept.push(record);
			await teardown.step(what, () => {
				undo(record);
				kept.pop();
			});
		}
	});
	await teardown.step("records", () => records.retain(kept));
}

export interface Collection<T extends AttachmentRecord> {
	readonly records: AttachmentRecords<T>;
	readonly validAttachments: readonly Attachment[];
	/** For the log. */
	readonly what: string;
	/** Takes back what the record tells of; what is gone is success. */
	readonly undo: (record: T) => void;
}

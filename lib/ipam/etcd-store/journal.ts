import type { Attachment } from "../../cni/plugin.ts";
import { EtcdError } from "../../etcd/error.ts";
import { exists, syncPath } from "../../linux/files.ts";
import { sleep } from "../../linux/libc.ts";
import { type AttachmentFiles, attachmentFiles } from "../../state/attachment-files.ts";
import { lockIn } from "./hint.ts";
import { releaseAndFence } from "./release.ts";
import type { Store } from "./store.ts";

/*
 * Releases that etcd could not be told of, or of which it is not sure whether they have reached it:
 *
 *     <directory>/journal/<container id>:<interface>     `{"containerId":"c1","ifName":"eth0"}`: whatever this attachment
 *                                                        holds is to be released (lib/state/attachment-files.ts)
 *     <directory>/journal.lock                           flock(2), held while entries are settled. It closes the race in
 *                                                        which one call settles an entry that another has settled, and so
 *                                                        releases what its attachment was given since. A crash under it
 *                                                        leaves the entry, which is settled again
 */

/** Notes that whatever this attachment holds is to be released. @throws SystemError */
export function addToJournal(store: Store, { containerId, ifName }: Attachment): void {
	const files = filesOf(store);
	files.write({ containerId, ifName }, JSON.stringify({ containerId, ifName }));
	// DEL has succeeded then, and nobody will say it again, not even after a power failure.
	for (const path of [files.pathOf({ containerId, ifName }), journalOf(store)]) syncPath(path);
}

/** Settles the entry of this attachment, if there is one: before it is given anything. @throws EtcdError */
export async function settle(store: Store, owner: Attachment): Promise<void> {
	if (filesOf(store).read(owner) === undefined) return;
	using _held = await patiently(store);
	await settleHeld(store, owner);
}

/** What one call settles for others: a tenth of a second. */
const mostEntries = 32;

/** Settles some entries, unless another call is doing so: how many. @throws EtcdError */
export async function replay(store: Store): Promise<number> {
	const some = entriesOf(store).slice(0, mostEntries);
	if (some.length === 0) return 0;
	using held = tryHold(store);
	if (held === undefined) return 0;
	for (const owner of some) await settleHeld(store, owner);
	return some.length;
}

/** How many entries there are. @throws SystemError */
export function countEntries(store: Store): number {
	return entriesOf(store).length;
}

function entriesOf(store: Store): readonly Attachment[] {
	// As a rule nothing was ever noted.
	if (!exists(journalOf(store))) return [];
	return filesOf(store)
		.readAll()
		.flatMap((text) => parseEntry(text) ?? []);
}

async function settleHeld(store: Store, owner: Attachment): Promise<void> {
	const files = filesOf(store);
	// Somebody else may have done so before we had the lock.
	if (files.read(owner) === undefined) return;
	await releaseAndFence(store, owner);
	files.remove(owner);
}

function filesOf(store: Store): AttachmentFiles {
	return attachmentFiles(journalOf(store));
}

function journalOf({ options }: Store): string {
	return `${options.directory}/journal`;
}

function tryHold({ options }: Store): Disposable | undefined {
	return lockIn(options.directory, { name: "journal.lock", lock: options.tryLock });
}

const pollMs = 10;

async function patiently(store: Store): Promise<Disposable> {
	for (;;) {
		const held = tryHold(store);
		if (held !== undefined) return held;
		if (performance.now() > store.gateway.deadline) {
			throw new EtcdError("Cannot release what was held before: another call is at it, and etcd is slow", {
				kind: "away",
			});
		}
		sleep(pollMs);
	}
}

function parseEntry(text: string): Attachment | undefined {
	try {
		const { containerId, ifName } = JSON.parse(text) as Record<string, unknown>;
		return typeof containerId === "string" && typeof ifName === "string" ? { containerId, ifName } : undefined;
	} catch {
		return undefined;
	}
}

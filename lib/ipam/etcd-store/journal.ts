import type { Attachment } from "../../cni/plugin.ts";
import { EtcdError } from "../../etcd/error.ts";
import { syncPath } from "../../linux/files.ts";
import { sleep } from "../../linux/libc.ts";
import { attachmentFiles } from "../../state/attachment-files.ts";
import { lockIn } from "./hint.ts";
import { releaseAndFence } from "./release.ts";
import type { Store } from "./store.ts";

/**
 * Releases that etcd could not be told of, or of which it is not sure whether they have reached it:
 *
 *     <directory>/journal/<container id>:<interface>     `{"containerId":"c1","ifName":"eth0"}`: whatever this attachment
 *                                                        holds is to be released (lib/state/attachment-files.ts)
 *     <directory>/journal.lock                           flock(2), held while entries are settled. It closes the race in
 *                                                        which one call settles an entry that another has settled, and so
 *                                                        releases what its attachment was given since. A crash under it
 *                                                        leaves the entry, which is settled again
 */
export interface Journal {
	/** @throws SystemError */
	add(owner: Attachment): void;
	/** Settles the entry of this attachment, if there is one: before it is given anything. @throws EtcdError */
	settle(owner: Attachment): Promise<void>;
	/** Settles some entries, unless another call is doing so: how many. @throws EtcdError */
	replay(): Promise<number>;
	/** How many entries there are. @throws SystemError */
	count(): number;
}

/** What one call settles for others: a tenth of a second. */
const mostEntries = 32;

const pollMs = 10;

export function openJournal(store: Store): Journal {
	const { directory, tryLock } = store.options;
	const files = attachmentFiles(`${directory}/journal`);
	const tryHold = () => lockIn(directory, { name: "journal.lock", lock: tryLock });
	const entries = () => files.readAll().flatMap((text) => parseEntry(text) ?? []);
	const settleHeld = async (owner: Attachment) => {
		// Somebody else may have done so before we had the lock.
		if (files.read(owner) === undefined) return;
		await releaseAndFence(store, owner);
		files.remove(owner);
	};
	return {
		add({ containerId, ifName }) {
			files.write({ containerId, ifName }, JSON.stringify({ containerId, ifName }));
			// DEL has succeeded then, and nobody will say it again, not even after a power failure.
			for (const path of [files.pathOf({ containerId, ifName }), `${directory}/journal`]) syncPath(path);
		},
		async settle(owner) {
			if (files.read(owner) === undefined) return;
			using _held = await patiently(tryHold, store);
			await settleHeld(owner);
		},
		async replay() {
			const some = entries().slice(0, mostEntries);
			if (some.length === 0) return 0;
			using held = tryHold();
			if (held === undefined) return 0;
			for (const owner of some) await settleHeld(owner);
			return some.length;
		},
		count: () => entries().length,
	};
}

async function patiently(tryHold: () => Disposable | undefined, { gateway }: Store): Promise<Disposable> {
	for (;;) {
		const held = tryHold();
		if (held !== undefined) return held;
		if (performance.now() > gateway.deadline) {
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

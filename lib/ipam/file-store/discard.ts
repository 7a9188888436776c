import type { Attachment } from "../../cni/plugin.ts";
import { lockFile } from "../../linux/file-lock.ts";
import { removeFile } from "./files.ts";
import type { Layout } from "./layout.ts";
import { createTagFiles } from "./tag-files.ts";

/**
 * Frees one reservation for an operator, under the network's lock, and forgets the tags of its owner. The index is left as
 * it is: it does not fit the directory then, and the next call makes it anew.
 *
 * @param reservation.onlyIf asked under the lock: false leaves everything as it is
 * @throws SystemError
 */
export function discardReservation(
	{ directory, lock, tags }: Layout,
	{ name, owner, onlyIf }: { name: string; owner: Attachment | undefined; onlyIf: () => boolean },
): void {
	using _ = lockFile(lock);
	if (!onlyIf()) return;
	removeFile(`${directory}/${name}`);
	if (owner !== undefined) createTagFiles(tags).remove(owner);
}

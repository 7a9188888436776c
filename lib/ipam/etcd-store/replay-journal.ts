import { countEntries, replay } from "./journal.ts";
import type { EtcdStoreOptions } from "./options.ts";
import { openStore } from "./store.ts";

/**
 * Makes good some of the releases that etcd could not be told of, as the next call of a plugin would: how many, and how many
 * are left. Nothing is asked of etcd where there are none. @throws EtcdError, SystemError
 */
export async function replayJournal(
	options: EtcdStoreOptions,
): Promise<{ readonly done: number; readonly left: number }> {
	const store = openStore(options);
	const done = await replay(store);
	return { done, left: countEntries(store) };
}

/**
 * Where a network's reservations lie.
 *
 *     <dataDir>/<network>/                     shared with the reference's host-local, byte for byte
 *         lock                                 flock(2): everything below, in both directories, changes under it only.
 *                                              It closes the race of two calls that choose the same address, and that
 *                                              of one reading what the other is about to write. The kernel drops it
 *                                              with the process
 *         10.1.0.2                             one file an address: containerID CR LF ifname. A hard link made in one
 *                                              step from a file that was written before: it is whole or it
 *                                              is not there. An empty one, seen under the lock, is what a crash of the
 *                                              reference left, which writes under the same lock: free
 *         last_reserved_ip.<index of the set>  the address given last; absent or unreadable means from the start
 *
 *     <dataDir>/.cni-suite/<network>/          ours; all of it may be missing or stale without harm. A network's name
 *                                              cannot start with a dot, and the reference walks its directory
 *                                              recursively, so nothing of ours lies in there
 *         stamp                                which state of the directory above the rest describes (freshness.ts)
 *         owners/<hash of the containerID>     who holds what (owner-index.ts)
 *         taken/<family>-<address >> 16>       bitmaps of taken addresses (taken-index.ts)
 *         cooling, cooling.previous            released addresses that rest (cooling-log.ts)
 *         pending/<pid>.<random>               reservations not yet linked (pending.ts)
 *         tags/<containerID>:<ifname>          labels and groups of an attachment that has any (lib/ipam/tags.ts,
 *                                              lib/state/attachment-files.ts)
 *
 * A crash at any point leaves reservations that are whole, and a stamp that no longer fits, so that the next call reads
 * the directory anew.
 */
export interface Layout {
	readonly directory: string;
	readonly lock: string;
	readonly stamp: string;
	readonly owners: string;
	readonly taken: string;
	readonly cooling: string;
	readonly coolingPrevious: string;
	readonly pending: string;
	readonly tags: string;
	/** Our own directory for this network. */
	readonly beside: string;
}

/** Where the reference keeps them too, unless a configuration says otherwise. */
export const defaultDataDir = "/var/lib/cni/networks";

/** `network` is a validated name: it has no slash and starts with a letter or digit. */
export function layoutOf(dataDir: string, network: string): Layout {
	const directory = `${dataDir}/${network}`;
	const beside = `${dataDir}/.cni-suite/${network}`;
	return {
		directory,
		lock: `${directory}/lock`,
		beside,
		stamp: `${beside}/stamp`,
		owners: `${beside}/owners`,
		taken: `${beside}/taken`,
		cooling: `${beside}/cooling`,
		coolingPrevious: `${beside}/cooling.previous`,
		pending: `${beside}/pending`,
		tags: `${beside}/tags`,
	};
}

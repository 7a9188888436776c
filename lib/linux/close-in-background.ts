import { AF_UNIX, close, SOCK_DGRAM, sendDescriptors, socketPair } from "./libc.ts";

/**
 * Closes a descriptor whose close(2) would keep the caller waiting, and returns at once.
 *
 * Closing a socket of nf_tables waits for the memory of every rule deleted in its namespace before, by whomever: an
 * RCU grace period, 6 to 20 ms, in which no other process could change a rule either; ending the process closes it
 * too. The deletion itself is in force long before. So the descriptor is sent, with the receiving socket itself, to
 * that socket, and all are closed: nothing can reach the two any more but the queue that they lie in, which is what
 * the kernel collects as garbage, in a thread of its own (Linux 6.10; before, closing here does it, and waits).
 */
export function closeInBackground(fd: number): void {
	let pair: readonly number[] = [];
	try {
		pair = socketPair(AF_UNIX, SOCK_DGRAM);
		const [from = -1, to = -1] = pair;
		sendDescriptors(from, [fd, to]);
	} catch {
		// Out of descriptors, or of those that may be under way: the plain close below does the same, more slowly.
	}
	for (const open of [fd, ...pair]) close(open);
}

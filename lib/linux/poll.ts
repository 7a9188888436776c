import { call } from "./call.ts";
import { nr } from "./syscall-numbers.ts";

export const POLLIN = 0x1;
export const POLLOUT = 0x4;

/**
 * Waits until at least one of the descriptors has one of the events that are wanted of it, or an error, or has been closed at
 * its other end; or, with a time limit, until that is over. ppoll(2)
 *
 * @returns for each whether there is anything
 */
export function poll(wanted: readonly { fd: number; events: number }[], timeoutMs?: number): readonly boolean[] {
	// struct pollfd: i32 descriptor, i16 wanted and i16 seen events.
	const view = new DataView(new ArrayBuffer(8 * wanted.length));
	for (const [index, { fd, events }] of wanted.entries()) {
		view.setInt32(8 * index, fd, true);
		view.setInt16(8 * index + 4, events, true);
	}
	call("poll", nr.ppoll, new Uint8Array(view.buffer), wanted.length, timeoutMs === undefined ? 0 : timespec(timeoutMs));
	return wanted.map((_, index) => view.getInt16(8 * index + 6, true) !== 0);
}

function timespec(milliseconds: number): BigInt64Array {
	const nanoseconds = BigInt(Math.ceil(milliseconds * 1e6));
	return new BigInt64Array([nanoseconds / 1_000_000_000n, nanoseconds % 1_000_000_000n]);
}

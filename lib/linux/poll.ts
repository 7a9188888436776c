import { call } from "./call.ts";
import { nr } from "./syscall-numbers.ts";

export const POLLIN = 0x1;
export const POLLOUT = 0x4;

/**
 * Waits until at least one of the descriptors can be read or written, or has been closed at its other end: which. None
 * when `timeoutMs` is over before; without it the wait has no end. ppoll(2)
 */
export function poll(
	wanted: readonly { readonly fd: number; readonly events: number }[],
	timeoutMs?: number,
): readonly boolean[] {
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
	const nanoseconds = BigInt(Math.max(0, Math.ceil(milliseconds * 1e6)));
	const second = 1_000_000_000n;
	return new BigInt64Array([nanoseconds / second, nanoseconds % second]);
}

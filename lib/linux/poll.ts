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
	// struct pollfd: i32 descriptor, i16 wanted and i16 seen events. Cheaper than a DataView, of which every call leaves the
	// language.
	const words = new Int32Array(2 * wanted.length);
	for (const [index, { fd, events }] of wanted.entries()) {
		words[2 * index] = fd;
		words[2 * index + 1] = events;
	}
	call("poll", nr.ppoll, words, wanted.length, timeoutMs === undefined ? 0 : timespec(timeoutMs));
	return wanted.map((_, index) => (words[2 * index + 1] ?? 0) >>> 16 !== 0);
}

/** struct timespec: i64 seconds and nanoseconds, of which the upper halves stay 0. */
function timespec(milliseconds: number): Uint32Array {
	const nanoseconds = Math.max(0, Math.ceil(milliseconds * 1e6));
	return new Uint32Array([Math.floor(nanoseconds / 1e9), 0, nanoseconds % 1e9, 0]);
}

/**
 * System calls, the seam to the kernel: here for cnictl, which runs in Bun; system-call.quickjs.ts stands in its place in
 * the executable of the plugins. The only file that imports bun:ffi.
 *
 * Bun makes a wrapper for each symbol of a library at start: with syscall(2) alone there is one.
 */
import { dlopen, FFIType, read as memory, ptr } from "bun:ffi";

const word = FFIType.i64_fast;
const { symbols: libc } = dlopen("libc.so.6", {
	__errno_location: { args: [], returns: "ptr" },
	syscall: { args: [word, word, word, word, word, word, word], returns: word },
});

/** A number, or memory for the kernel to read or to fill. */
export type Argument = number | Uint8Array | Uint32Array | Int32Array | BigInt64Array | BigUint64Array;

const EIO = 5;

/** What the kernel returns, or -errno; syscall(2). The arguments live until it returns. */
export function systemCall(
	number: number,
	a: Argument,
	b: Argument,
	c: Argument,
	d: Argument,
	e: Argument,
	f: Argument,
): number {
	const returned = Number(libc.syscall(number, raw(a), raw(b), raw(c), raw(d), raw(e), raw(f)));
	if (returned !== -1) return returned;
	const location = libc.__errno_location();
	return -(location === null ? EIO : memory.i32(location, 0));
}

function raw(argument: Argument): number {
	return typeof argument === "number" ? argument : ptr(argument);
}

/** Where the bytes of a view are, for structures that hold pointers. */
export function addressOf(view: Uint8Array | BigUint64Array): number {
	return ptr(view);
}

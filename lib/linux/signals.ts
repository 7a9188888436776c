import { call } from "./call.ts";
import { O_NONBLOCK, read, SOCK_CLOEXEC } from "./libc.ts";
import { nr } from "./syscall-numbers.ts";

export const SIGINT = 2;
export const SIGTERM = 15;

const SIG_BLOCK = 0;
/** A set of signals has 8 bytes in the kernel. */
const setBytes = 8;

/** A descriptor that can be read when one of the signals has come, which do nothing else any more. signalfd(2) */
export function openSignals(signals: readonly number[]): number {
	const set = new BigUint64Array([signals.reduce((bits, signal) => bits | (1n << BigInt(signal - 1)), 0n)]);
	call("sigprocmask", nr.rt_sigprocmask, SIG_BLOCK, set, 0, setBytes);
	return call("signalfd", nr.signalfd4, -1, set, setBytes, SOCK_CLOEXEC | O_NONBLOCK);
}

/** Which signal has come. @throws SystemError EAGAIN when none has */
export function readSignal(fd: number): number {
	// struct signalfd_siginfo, which begins with the signal's number.
	const info = new Uint32Array(32);
	read(fd, new Uint8Array(info.buffer));
	return info[0] ?? 0;
}

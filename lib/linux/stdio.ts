import { Errno, errnoOf } from "./errno.ts";
import { readAll, writeAll } from "./files.ts";
import { read, sleep, write } from "./libc.ts";

/**
 * All of stdin. `process.stdin` and `process.stdout` would cost 10 ms at start.
 *
 * @throws SystemError
 */
export function readStdin(): Uint8Array {
	return readAll(0, patientRead);
}

/** @throws SystemError */
export function writeStdout(text: string): void {
	writeAll(1, text, patientWrite);
}

/** Never throws: a warning that nobody can read must not keep a rollback or a DEL from its next step. */
export function writeStderr(text: string): void {
	try {
		writeAll(2, text, patientWrite);
	} catch {
		// There is nobody left to tell.
	}
}

/** read(2) that waits also where the descriptor does not. @throws SystemError */
export function patientRead(fd: number, buffer: Uint8Array): number {
	return retry(() => read(fd, buffer));
}

/** write(2) that waits also where the descriptor does not. @throws SystemError */
export function patientWrite(fd: number, data: Uint8Array): number {
	return retry(() => write(fd, data));
}

/** A runtime may hand over pipes in non-blocking mode. */
function retry(call: () => number): number {
	for (;;) {
		try {
			return call();
		} catch (thrown) {
			if (errnoOf(thrown) !== Errno.EAGAIN) throw thrown;
			sleep(1);
		}
	}
}

import { writeSync } from "node:fs";
import { Errno, errnoOf } from "../linux/errno.ts";

/** Writes to stdout, all of it. `process.stdout` would cost more to set up than most commands take. */
export function print(text: string): void {
	writeAll(1, text);
}

/** Writes to stderr, all of it. */
export function printError(text: string): void {
	writeAll(2, text);
}

function writeAll(fd: number, text: string): void {
	let rest: Uint8Array = Buffer.from(text);
	while (rest.length > 0) rest = rest.subarray(writeSome(fd, rest));
}

/** A pipe that we were given may be in non-blocking mode: a reader that is behind makes us wait, it loses nothing. */
function writeSome(fd: number, bytes: Uint8Array): number {
	try {
		return writeSync(fd, bytes);
	} catch (thrown) {
		if (errnoOf(thrown) !== Errno.EAGAIN) throw thrown;
		Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
		return 0;
	}
}

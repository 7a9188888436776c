import { readSync, writeSync } from "node:fs";
import { sleep } from "./sleep.ts";

/**
 * All of stdin. `process.stdin` and `process.stdout` would cost 10 ms at start.
 *
 * @throws an error of node:fs
 */
export function readStdin(): Uint8Array {
	const chunks: Uint8Array[] = [];
	for (;;) {
		const chunk = new Uint8Array(16 * 1024);
		const length = retry(() => readSync(0, chunk));
		if (length === 0) return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
		chunks.push(chunk.subarray(0, length));
	}
}

/** @throws an error of node:fs */
export function writeStdout(text: string): void {
	writeAll(1, text);
}

/** Never throws: a warning that nobody can read must not keep a rollback or a DEL from its next step. */
export function writeStderr(text: string): void {
	try {
		writeAll(2, text);
	} catch {
		// There is nobody left to tell.
	}
}

function writeAll(fd: number, text: string): void {
	let rest: Uint8Array = new TextEncoder().encode(text);
	while (rest.byteLength > 0) {
		const written = retry(() => writeSync(fd, rest));
		rest = rest.subarray(written);
	}
}

/** A runtime may hand over pipes in non-blocking mode. */
function retry(call: () => number): number {
	for (;;) {
		try {
			return call();
		} catch (thrown) {
			if ((thrown as { code?: string }).code !== "EAGAIN") throw thrown;
			sleep(1);
		}
	}
}

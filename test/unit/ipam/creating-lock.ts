import { closeSync, constants, openSync } from "node:fs";

/** What the real lock does to the directory, without locking: it needs flock(2), which is tested on the executable. */
export function creatingLock(path: string): Disposable & { readonly fd: number } {
	const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o750);
	return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

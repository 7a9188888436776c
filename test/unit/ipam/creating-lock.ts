import { closeSync, openSync } from "node:fs";

/** What the real lock does to the directory, without locking: it needs flock(2), which is tested on the executable. */
export function creatingLock(path: string): Disposable {
	const fd = openSync(path, "a", 0o750);
	return { [Symbol.dispose]: () => closeSync(fd) };
}

import { close, flock, LOCK_EX, O_CREAT, O_RDONLY, open } from "./libc.ts";

/** An exclusive flock(2) on a file, held until disposed. The kernel drops it when the process ends, however it ends. */
export interface FileLock extends Disposable {
	readonly path: string;
}

/** Waits for the lock; creates the file (mode 0750, as the reference does) where it is missing. @throws SystemError */
export function lockFile(path: string): FileLock {
	const fd = open(path, { flags: O_RDONLY | O_CREAT, mode: 0o750 });
	try {
		flock(fd, LOCK_EX);
	} catch (thrown) {
		close(fd);
		throw thrown;
	}
	return { path, [Symbol.dispose]: () => close(fd) };
}

import { Errno, errnoOf } from "./errno.ts";
import { close, flock, LOCK_EX, LOCK_NB, O_CREAT, O_RDONLY, O_RDWR, open } from "./libc.ts";

/** An exclusive flock(2) on a file, held until disposed. The kernel drops it when the process ends, however it ends. */
export interface FileLock extends Disposable {
	readonly path: string;
}

/** Waits for the lock; creates the file (mode 0750, as the reference does) where it is missing. @throws SystemError */
export function lockFile(path: string): FileLock {
	return lock(path, LOCK_EX);
}

/** The same without waiting; undefined when somebody else holds it. @throws SystemError */
export function tryLockFile(path: string): FileLock | undefined {
	try {
		return lock(path, LOCK_EX | LOCK_NB);
	} catch (thrown) {
		if (errnoOf(thrown) === Errno.EAGAIN) return undefined;
		throw thrown;
	}
}

/**
 * Waits for the lock on a file that is open already; it is held until the file is closed. Nothing is created where a path
 * leads nowhere. @throws SystemError
 */
export function lockOpenFile(fd: number): void {
	flock(fd, LOCK_EX);
}

/**
 * Opens a file for reading and writing and waits for the lock on it; creates it (mode 0600) where it is missing: for a file
 * that guards itself. @throws SystemError
 */
export function openLocked(path: string): Disposable & { readonly fd: number } {
	return hold(open(path, { flags: O_RDWR | O_CREAT, mode: 0o600 }), LOCK_EX);
}

function lock(path: string, operation: number): FileLock {
	return { path, ...hold(open(path, { flags: O_RDONLY | O_CREAT, mode: 0o750 }), operation) };
}

function hold(fd: number, operation: number): Disposable & { readonly fd: number } {
	try {
		flock(fd, operation);
	} catch (thrown) {
		close(fd);
		throw thrown;
	}
	return { fd, [Symbol.dispose]: () => close(fd) };
}

import { Errno, errnoOf } from "./errno.ts";
import {
	close,
	type FileStatus,
	fsync,
	ftruncate,
	getdents,
	leadsSomewhere,
	mkdir,
	O_APPEND,
	O_CREAT,
	O_EXCL,
	O_NONBLOCK,
	O_PATH,
	O_RDONLY,
	O_RDWR,
	O_WRONLY,
	open,
	pwrite,
	read,
	readLink,
	stat,
	write,
} from "./libc.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/*
 * Files as a plugin needs them, synchronous, on the system calls themselves: loading node:fs takes longer than all the
 * work of a plugin. Every function throws a SystemError.
 */

export { type FileStatus, link, rename, stat, unlink, utimes } from "./libc.ts";

/** Runs `action` with the file open, and closes it. */
export function withFile<T>(
	path: string,
	{ flags, mode = 0o600 }: { flags: number; mode?: number },
	action: (fd: number) => T,
): T {
	const fd = open(path, { flags, mode });
	try {
		return action(fd);
	} finally {
		close(fd);
	}
}

/** The whole content. Of a FIFO that nobody writes to, nothing. */
export function readFile(path: string): Uint8Array {
	return withFile(path, { flags: O_RDONLY | O_NONBLOCK }, (fd) => readAll(fd));
}

/** The whole content as UTF-8; what is none becomes U+FFFD. */
export function readText(path: string): string {
	return decodeUtf8(readFile(path));
}

/** Everything from an open file to its end. */
export function readAll(fd: number, readSome: typeof read = read): Uint8Array {
	// Most files are shorter, and the engine fills new memory with zeros.
	let buffer = new Uint8Array(1024);
	let length = 0;
	for (;;) {
		const count = readSome(fd, length === 0 ? buffer : buffer.subarray(length));
		if (count === 0) return buffer.subarray(0, length);
		length += count;
		if (length === buffer.byteLength) {
			const larger = new Uint8Array(length * 4);
			larger.set(buffer);
			buffer = larger;
		}
	}
}

/** Writes all of `data` to an open file. */
export function writeAll(fd: number, data: Uint8Array | string, writeSome: typeof write = write): void {
	let rest: Uint8Array = typeof data === "string" ? encodeUtf8(data) : data;
	while (rest.byteLength > 0) rest = rest.subarray(writeSome(fd, rest));
}

/**
 * Replaces the content in place, creating the file where it is missing. Cut off afterwards: ext4 takes 0.7 ms to empty a
 * file first (O_TRUNC), and nothing to cut it to the length that it has.
 */
export function writeFile(path: string, data: Uint8Array | string): void {
	const bytes = typeof data === "string" ? encodeUtf8(data) : data;
	withFile(path, { flags: O_WRONLY | O_CREAT }, (fd) => {
		writeAll(fd, bytes);
		ftruncate(fd, bytes.byteLength);
	});
}

/** The same for an open file that had `before` bytes: it is cut off where it has become shorter. */
export function replaceContent(fd: number, { data, before }: { data: string; before: number }): void {
	const bytes = encodeUtf8(data);
	for (let offset = 0; offset < bytes.byteLength; ) {
		offset += pwrite(fd, { data: offset === 0 ? bytes : bytes.subarray(offset), offset });
	}
	if (bytes.byteLength < before) ftruncate(fd, bytes.byteLength);
}

/** Waits until a file or a directory is on the disk as it is now. `sync PATH` */
export function syncPath(path: string): void {
	withFile(path, { flags: O_RDONLY }, fsync);
}

/** Adds to the end in one write, creating the file where it is missing; never waits for the reader of a FIFO. */
export function appendFile(path: string, data: string): void {
	withFile(path, { flags: O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK }, (fd) => writeAll(fd, data));
}

/** Creates the file; EEXIST where there is one. */
export function createFile(path: string, data: string): void {
	withFile(path, { flags: O_WRONLY | O_CREAT | O_EXCL }, (fd) => writeAll(fd, data));
}

/** Opens for changes in place, creating an empty file where it is missing. */
export function updateFile(path: string, change: (fd: number) => void): void {
	withFile(path, { flags: O_RDWR | O_CREAT }, change);
}

/** `mkdir -p`, with mode 0755. */
export function makeDirectories(path: string): void {
	for (let attempt = 1; ; attempt++) {
		try {
			mkdir(path, 0o755);
			return;
		} catch (thrown) {
			const errno = errnoOf(thrown);
			if (errno === Errno.EEXIST && isDirectory(path)) return;
			const parent = path.slice(0, path.lastIndexOf("/"));
			// Somebody may remove it again meanwhile; in /proc nothing can be made, and the answer is the same.
			if (errno !== Errno.ENOENT || parent === "" || attempt === directoryAttempts) throw thrown;
			makeDirectories(parent);
		}
	}
}

const directoryAttempts = 5;

/** `struct linux_dirent64`: u64 inode, i64 offset, u16 length, u8 type, name and NUL. */
const nameOffset = 19;

/** The names in a directory, in the order of the file system. */
export function listDirectory(path: string): readonly string[] {
	return withFile(path, { flags: O_RDONLY | O_NONBLOCK }, (fd) => {
		const names: string[] = [];
		const buffer = new Uint8Array(32 * 1024);
		const view = new DataView(buffer.buffer);
		for (let length = getdents(fd, buffer); length > 0; length = getdents(fd, buffer)) {
			for (let offset = 0; offset < length; offset += view.getUint16(offset + 16, true)) {
				const start = offset + nameOffset;
				const name = decodeUtf8(buffer.subarray(start, buffer.indexOf(0, start)));
				if (name !== "." && name !== "..") names.push(name);
			}
		}
		return names;
	});
}

/** Whether the path leads to anything. */
export function exists(path: string): boolean {
	return !path.includes("\0") && leadsSomewhere(path);
}

/** Where the path leads when all symbolic links are followed; realpath(3). */
export function realPath(path: string): string {
	return withFile(path, { flags: O_PATH }, (fd) => readLink(`/proc/self/fd/${fd}`));
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/** Whether there is a regular file, whatever keeps us from seeing one. */
export function isRegularFile(path: string): boolean {
	return regularFile(path) !== undefined;
}

/** The status of a regular file; undefined where there is none, or something keeps us from seeing it. */
export function regularFile(path: string): FileStatus | undefined {
	return ofKind(path, S_IFREG);
}

export function isDirectory(path: string): boolean {
	return ofKind(path, S_IFDIR) !== undefined;
}

function ofKind(path: string, kind: number): FileStatus | undefined {
	const status = statusOf(path);
	return status !== undefined && (status.mode & S_IFMT) === kind ? status : undefined;
}

function statusOf(path: string): FileStatus | undefined {
	try {
		return stat(path);
	} catch (thrown) {
		if (errnoOf(thrown) === 0) throw thrown;
		return undefined;
	}
}

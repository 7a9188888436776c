/**
 * Stands in for lib/linux/libc.ts in tests that import modules: Node has no bun:ffi. Only what has to do with files, with
 * the errors of node:fs, which carry the same errno. What needs the rest of libc is tested through the executables.
 */
import fs from "node:fs";
import type { FileStatus } from "../../lib/linux/libc.ts";

export { closeSync as close, linkSync as link, renameSync as rename, unlinkSync as unlink } from "node:fs";

/** Not in the constants of node:fs. */
export const O_PATH = 0o10000000;

export const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_APPEND, O_NONBLOCK, W_OK, X_OK } = fs.constants;

export const access = fs.accessSync;
export const leadsSomewhere = fs.existsSync;
export const fsync = fs.fsyncSync;
export const ftruncate = fs.ftruncateSync;
export const mkdir = fs.mkdirSync;
export const readLink = (path: string): string => fs.readlinkSync(path);
export const workingDirectory = (): string => process.cwd();
export const probeProcess = (pid: number): unknown => process.kill(pid, 0);

export function sleep(milliseconds: number): void {
	Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

export function open(path: string, { flags, mode }: { flags: number; mode?: number }): number {
	return fs.openSync(path, flags, mode);
}

const unread = new Map<number, string[]>();

export function getdents(fd: number, buffer: Uint8Array): number {
	const names = unread.get(fd) ?? fs.readdirSync(`/proc/self/fd/${fd}`);
	const view = new DataView(buffer.buffer);
	let offset = 0;
	for (let name = names[0]; name !== undefined; name = names[0]) {
		const bytes = new TextEncoder().encode(`${name}\0`);
		const length = (19 + bytes.byteLength + 7) & ~7;
		if (offset + length > buffer.byteLength) break;
		view.setUint16(offset + 16, length, true);
		buffer.set(bytes, offset + 19);
		offset += length;
		names.shift();
	}
	if (offset === 0) unread.delete(fd);
	else unread.set(fd, names);
	return offset;
}

export function read(fd: number, buffer: Uint8Array): number {
	return fs.readSync(fd, buffer);
}

export function write(fd: number, data: Uint8Array): number {
	return fs.writeSync(fd, data);
}

export function pwrite(fd: number, { data, offset }: { data: Uint8Array; offset: number }): number {
	return fs.writeSync(fd, data, 0, data.byteLength, offset);
}

export function stat(path: string): FileStatus {
	const { dev, ino, mode, size, mtimeNs } = fs.statSync(path, { bigint: true });
	return { identity: `${dev}:${ino}`, inode: ino, mode: Number(mode), size: Number(size), mtimeNs };
}

export function utimes(path: string, { atimeNs, mtimeNs }: { atimeNs: bigint; mtimeNs: bigint }): void {
	fs.utimesSync(path, Number(atimeNs / 1000n) / 1e6, Number(mtimeNs / 1000n) / 1e6);
}

/**
 * The seam to the kernel, and the only file that imports bun:ffi. Each function is the libc wrapper of the system
 * call of the same name: it returns what the call returns, or throws a SystemError.
 *
 * Structures are written by the callers, little-endian: Bun has no big-endian build.
 */
import { dlopen, read as memory, ptr } from "bun:ffi";
import { Errno, errnoOf, SystemError } from "./errno.ts";

const { symbols: c } = dlopen("libc.so.6", {
	__errno_location: { args: [], returns: "ptr" },
	_exit: { args: ["i32"], returns: "void" },
	access: { args: ["ptr", "i32"], returns: "i32" },
	bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
	close: { args: ["i32"], returns: "i32" },
	flock: { args: ["i32", "i32"], returns: "i32" },
	fstatfs: { args: ["i32", "ptr"], returns: "i32" },
	ftruncate: { args: ["i32", "i64"], returns: "i32" },
	getdents64: { args: ["i32", "ptr", "u64"], returns: "i64" },
	getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
	link: { args: ["ptr", "ptr"], returns: "i32" },
	mkdir: { args: ["ptr", "u32"], returns: "i32" },
	open: { args: ["ptr", "i32", "u32"], returns: "i32" },
	pwrite: { args: ["i32", "ptr", "u64", "i64"], returns: "i64" },
	read: { args: ["i32", "ptr", "u64"], returns: "i64" },
	recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
	rename: { args: ["ptr", "ptr"], returns: "i32" },
	sendmsg: { args: ["i32", "ptr", "i32"], returns: "i64" },
	sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
	setns: { args: ["i32", "i32"], returns: "i32" },
	setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
	socket: { args: ["i32", "i32", "i32"], returns: "i32" },
	socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
	statx: { args: ["i32", "ptr", "i32", "u32", "ptr"], returns: "i32" },
	unlink: { args: ["ptr"], returns: "i32" },
	utimensat: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
	write: { args: ["i32", "ptr", "u64"], returns: "i64" },
});

/** errno of the call just made on this thread. */
function lastErrno(): number {
	const location = c.__errno_location();
	return location === null ? Errno.EIO : memory.i32(location, 0);
}

function checked(attempt: string, returned: number | bigint): number {
	if (returned < 0) throw new SystemError(attempt, lastErrno());
	return Number(returned);
}

/** Repeats a call that a signal interrupted. */
function uninterrupted(call: () => number): number {
	for (;;) {
		try {
			return call();
		} catch (thrown) {
			if (errnoOf(thrown) !== Errno.EINTR) throw thrown;
		}
	}
}

const utf8 = new TextEncoder();

/** @throws SystemError EINVAL for a text that C would cut off */
function cString(text: string): Uint8Array {
	if (text.includes("\0")) throw new SystemError(`use ${JSON.stringify(text)} as a path`, Errno.EINVAL);
	return utf8.encode(`${text}\0`);
}

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

export function open(path: string, { flags, mode = 0 }: { flags: number; mode?: number }): number {
	return uninterrupted(() => checked(`open "${path}"`, c.open(cString(path), flags | O_CLOEXEC, mode)));
}

/** Never throws: there is nothing a caller could do, and the descriptor is gone in any case. close(2). */
export function close(fd: number): void {
	c.close(fd);
}

/** Reads into `buffer`; 0 at the end of the file. read(2) */
export function read(fd: number, buffer: Uint8Array): number {
	return uninterrupted(() => checked("read", c.read(fd, buffer, buffer.byteLength)));
}

/** Writes what it can of `data`; returns how much that was. write(2) */
export function write(fd: number, data: Uint8Array): number {
	return uninterrupted(() => checked("write", c.write(fd, data, data.byteLength)));
}

/** As {@link write}, at a place in the file. pwrite(2) */
export function pwrite(fd: number, { data, offset }: { data: Uint8Array; offset: number }): number {
	return uninterrupted(() => checked("pwrite", c.pwrite(fd, data, data.byteLength, offset)));
}

export function ftruncate(fd: number, length: number): void {
	uninterrupted(() => checked("ftruncate", c.ftruncate(fd, length)));
}

export function link(from: string, to: string): void {
	checked(`link "${from}" to "${to}"`, c.link(cString(from), cString(to)));
}

export function rename(from: string, to: string): void {
	checked(`rename "${from}" to "${to}"`, c.rename(cString(from), cString(to)));
}

export function unlink(path: string): void {
	checked(`unlink "${path}"`, c.unlink(cString(path)));
}

export function mkdir(path: string, mode: number): void {
	checked(`mkdir "${path}"`, c.mkdir(cString(path), mode));
}

export const W_OK = 2;
export const X_OK = 1;

/** Whether this process may do that with the file; for root, also whether the file system can be written to. access(2) */
export function access(path: string, mode: number): void {
	checked(`access "${path}"`, c.access(cString(path), mode));
}

const AT_FDCWD = -100;
const STATX_BASIC_STATS = 0x7ff;

export interface FileStatus {
	/** Device and inode, which together name the file. */
	readonly identity: string;
	readonly inode: bigint;
	/** Kind and permissions, as S_IFMT and the rest of `st_mode` say. */
	readonly mode: number;
	/** Bytes. */
	readonly size: number;
	/** Of the last change of the content, since the epoch. */
	readonly mtimeNs: bigint;
}

/** Follows symbolic links. statx(2), the layout of which is the same on every architecture. */
export function stat(path: string): FileStatus {
	const bytes = new Uint8Array(256);
	checked(`stat "${path}"`, c.statx(AT_FDCWD, cString(path), 0, STATX_BASIC_STATS, bytes));
	const view = new DataView(bytes.buffer);
	const inode = view.getBigUint64(32, true);
	return {
		identity: `${view.getUint32(136, true)}:${view.getUint32(140, true)}:${inode}`,
		inode,
		mode: view.getUint16(28, true),
		size: Number(view.getBigUint64(40, true)),
		mtimeNs: view.getBigInt64(112, true) * 1_000_000_000n + BigInt(view.getUint32(120, true)),
	};
}

/** Sets the times of last access and change, in nanoseconds since the epoch. utimensat(2) */
export function utimes(path: string, { atimeNs, mtimeNs }: { atimeNs: bigint; mtimeNs: bigint }): void {
	const second = 1_000_000_000n;
	const times = new BigInt64Array([atimeNs / second, atimeNs % second, mtimeNs / second, mtimeNs % second]);
	checked(`utimes "${path}"`, c.utimensat(AT_FDCWD, cString(path), times, 0));
}

/**
 * Fills `buffer` with the next entries of an open directory, `struct linux_dirent64` one behind the other; returns their
 * bytes, 0 at the end. getdents64(2)
 */
export function getdents(fd: number, buffer: Uint8Array): number {
	return checked("getdents64", c.getdents64(fd, buffer, buffer.byteLength));
}

export const LOCK_EX = 2;
export const LOCK_NB = 4;

export function flock(fd: number, operation: number): void {
	uninterrupted(() => checked("flock", c.flock(fd, operation)));
}

/** The magic number of the file system that an open file lies on; statfs(2). */
export function fileSystemMagic(fd: number): number {
	const statfs = new Uint8Array(120);
	checked("fstatfs", c.fstatfs(fd, statfs));
	return Number(new DataView(statfs.buffer).getBigUint64(0, true));
}

export const CLONE_NEWNET = 0x4000_0000;

/** Moves the calling thread into the namespace; `netns.ts` is the only caller. */
export function setns(fd: number, kind: number): void {
	checked("setns", c.setns(fd, kind));
}

export const AF_NETLINK = 16;
export const SOCK_RAW = 3;
export const SOCK_DGRAM = 2;
export const SOCK_CLOEXEC = 0o2000000;

export function socket(domain: number, { type, protocol }: { type: number; protocol: number }): number {
	return checked("socket", c.socket(domain, type | SOCK_CLOEXEC, protocol));
}

export function bind(fd: number, address: Uint8Array): void {
	checked("bind", c.bind(fd, address, address.byteLength));
}

/** Fills `address` (a sockaddr of the right size) with the name that the kernel gave the socket. */
export function getsockname(fd: number, address: Uint8Array): void {
	const length = new Uint32Array([address.byteLength]);
	checked("getsockname", c.getsockname(fd, address, length));
}

export function setsockoptInt(
	fd: number,
	{ level, option, value }: { level: number; option: number; value: number },
): void {
	const bytes = new Int32Array([value]);
	checked("setsockopt", c.setsockopt(fd, level, option, bytes, bytes.byteLength));
}

/** Sends `data` whole, to `address` (a sockaddr) if given. */
export function send(fd: number, { data, address }: { data: Uint8Array; address?: Uint8Array }): void {
	uninterrupted(() =>
		checked("sendto", c.sendto(fd, data, data.byteLength, 0, address ?? null, address?.byteLength ?? 0)),
	);
}

/** Receives one datagram into `buffer`; returns its length, which exceeds the buffer's when `flags` has MSG_TRUNC. */
export function receive(fd: number, { buffer, flags = 0 }: { buffer: Uint8Array; flags?: number }): number {
	return uninterrupted(() => checked("recv", c.recv(fd, buffer, buffer.byteLength, flags)));
}

export const MSG_PEEK = 0x02;
export const MSG_TRUNC = 0x20;

export const AF_UNIX = 1;

/** Two connected sockets; socketpair(2). */
export function socketPair(domain: number, type: number): readonly [number, number] {
	const fds = new Int32Array(2);
	checked("socketpair", c.socketpair(domain, type | SOCK_CLOEXEC, 0, fds));
	return [fds[0] ?? -1, fds[1] ?? -1];
}

/** Sends descriptors (SCM_RIGHTS) and one byte over an AF_UNIX socket; unix(7). */
export function sendDescriptors(socketFd: number, descriptors: readonly number[]): void {
	// All in one buffer, which the call keeps alive while the kernel follows the pointers in it.
	const controlLength = 16 + 4 * descriptors.length;
	const buffer = new Uint8Array(80 + ((controlLength + 7) & ~7));
	const view = new DataView(buffer.buffer);
	const start = BigInt(ptr(buffer));
	// struct msghdr: name and its length, iov and their number, control and its length, flags; 56 bytes.
	view.setBigUint64(16, start + 56n, true);
	view.setBigUint64(24, 1n, true);
	view.setBigUint64(32, start + 80n, true);
	view.setBigUint64(40, BigInt(controlLength), true);
	// struct iovec: the byte behind it.
	view.setBigUint64(56, start + 72n, true);
	view.setBigUint64(64, 1n, true);
	// struct cmsghdr: u64 length, i32 SOL_SOCKET, i32 SCM_RIGHTS, then the descriptors.
	view.setBigUint64(80, BigInt(controlLength), true);
	view.setInt32(88, 1, true);
	view.setInt32(92, 1, true);
	for (const [index, fd] of descriptors.entries()) view.setInt32(96 + 4 * index, fd, true);
	checked("sendmsg", c.sendmsg(socketFd, buffer, 0));
}

/** Ends the process at once: nothing of the runtime is wound down, which saves a millisecond. _exit(2). */
export function exit(code: number): never {
	c._exit(code);
	throw new Error("_exit(2) returned");
}

/*
 * What a launcher of containers needs, loaded when it is first called: every symbol costs each plugin at its start.
 */

const launching = once(
	() =>
		dlopen("libc.so.6", {
			chdir: { args: ["ptr"], returns: "i32" },
			chroot: { args: ["ptr"], returns: "i32" },
			execve: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
			fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
			mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
			sethostname: { args: ["ptr", "u64"], returns: "i32" },
			setsid: { args: [], returns: "i32" },
			signal: { args: ["i32", "ptr"], returns: "ptr" },
			umount2: { args: ["ptr", "i32"], returns: "i32" },
			unshare: { args: ["i32"], returns: "i32" },
		}).symbols,
);

function once<T extends object>(make: () => T): () => T {
	let made: T | undefined;
	return () => {
		made ??= make();
		return made;
	};
}

export const CLONE_NEWNS = 0x2_0000;
export const CLONE_NEWUTS = 0x400_0000;

/** Gives the calling thread namespaces of its own; unshare(2). */
export function unshare(kinds: number): void {
	checked("unshare", launching().unshare(kinds));
}

export const MS_NOSUID = 0x2;
export const MS_NODEV = 0x4;
export const MS_NOEXEC = 0x8;
export const MS_RDONLY = 0x1;
export const MS_REMOUNT = 0x20;
export const MS_BIND = 0x1000;
export const MS_REC = 0x4000;
export const MS_SLAVE = 0x8_0000;
export const MS_SHARED = 0x10_0000;

/** Bind mounts and changes of mounts, which need neither type nor data; mount(2). */
export function mount(target: string, { source = "", flags }: { source?: string; flags: number }): void {
	const returned = launching().mount(cString(source), cString(target), null, flags, null);
	checked(source === "" ? `mount "${target}"` : `mount "${source}" on "${target}"`, returned);
}

const MNT_DETACH = 2;

/** Takes the mount out of sight at once, and away when nothing uses it any more: `umount --lazy`. umount2(2) */
export function unmount(target: string): void {
	checked(`unmount "${target}"`, launching().umount2(cString(target), MNT_DETACH));
}

export function setHostname(name: string): void {
	const bytes = utf8.encode(name);
	checked(`set the hostname "${name}"`, launching().sethostname(bytes, bytes.byteLength));
}

/** Makes this process the leader of a session and a process group of its own; setsid(2). */
export function newSession(): void {
	checked("setsid", launching().setsid());
}

/** Ignored signals stay ignored across execve(2): back to what a program expects to find. signal(2) */
export function restoreSignal(signal: number): void {
	launching().signal(signal, null);
}

const F_SETFD = 2;
const FD_CLOEXEC = 1;

export function closeOnExec(fd: number): void {
	checked("fcntl", launching().fcntl(fd, F_SETFD, FD_CLOEXEC));
}

export function changeDirectory(path: string): void {
	checked(`change into the directory "${path}"`, launching().chdir(cString(path)));
}

export function changeRoot(path: string): void {
	checked(`change the root directory to "${path}"`, launching().chroot(cString(path)));
}

/** Becomes another program; returns only by throwing. `environment` has `NAME=value` each. execve(2) */
export function execute(
	path: string,
	{ argv, environment }: { argv: readonly string[]; environment: readonly string[] },
): never {
	// The texts must stay where the pointers lead until the kernel has read them.
	const texts = [argv.map(cString), environment.map(cString)] as const;
	const [argvPointers, environmentPointers] = texts.map(
		(list) => new BigUint64Array([...list.map((text) => BigInt(ptr(text))), 0n]),
	);
	checked(`execute "${path}"`, launching().execve(cString(path), argvPointers ?? null, environmentPointers ?? null));
	throw new Error(`execve(2) of ${texts.length} lists returned`);
}

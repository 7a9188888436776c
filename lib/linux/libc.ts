/**
 * System calls under the names of their man pages. Each returns what the call returns, or throws a SystemError; a call
 * that a signal interrupts is repeated. Where there is a newer call that serves on every architecture, that is the one.
 *
 * Structures are written by the callers, little-endian: the suite is built for no other machine.
 */
import { call, cString } from "./call.ts";
import { nr } from "./syscall-numbers.ts";
import { addressOf, systemCall } from "./system-call.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** Paths are relative to the working directory. */
const AT_FDCWD = -100;

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
/** Only names the file; it cannot be read. */
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;

export function open(path: string, { flags, mode = 0 }: { flags: number; mode?: number }): number {
	return call(`open "${path}"`, nr.openat, AT_FDCWD, cString(path), flags | O_CLOEXEC, mode);
}

/** Never throws: there is nothing a caller could do, and the descriptor is gone in any case. close(2). */
export function close(fd: number): void {
	systemCall(nr.close, fd, 0, 0, 0, 0, 0);
}

/** Reads into `buffer`; 0 at the end of the file. read(2) */
export function read(fd: number, buffer: Uint8Array): number {
	return call("read", nr.read, fd, buffer, buffer.byteLength);
}

/** Writes what it can of `data`; returns how much that was. write(2) */
export function write(fd: number, data: Uint8Array): number {
	return call("write", nr.write, fd, data, data.byteLength);
}

/** As {@link write}, at a place in the file. pwrite(2) */
export function pwrite(fd: number, { data, offset }: { data: Uint8Array; offset: number }): number {
	return call("pwrite", nr.pwrite64, fd, data, data.byteLength, offset);
}

export function ftruncate(fd: number, length: number): void {
	call("ftruncate", nr.ftruncate, fd, length);
}

/** Waits until what the file or directory holds is on the disk. fsync(2) */
export function fsync(fd: number): void {
	call("fsync", nr.fsync, fd);
}

export function link(from: string, to: string): void {
	call(`link "${from}" to "${to}"`, nr.linkat, AT_FDCWD, cString(from), AT_FDCWD, cString(to));
}

export function rename(from: string, to: string): void {
	call(`rename "${from}" to "${to}"`, nr.renameat2, AT_FDCWD, cString(from), AT_FDCWD, cString(to));
}

export function unlink(path: string): void {
	call(`unlink "${path}"`, nr.unlinkat, AT_FDCWD, cString(path));
}

export function mkdir(path: string, mode: number): void {
	call(`mkdir "${path}"`, nr.mkdirat, AT_FDCWD, cString(path), mode);
}

export const W_OK = 2;
export const X_OK = 1;

/** Whether this process may do that with the file; for root, also whether the file system can be written to. access(2) */
export function access(path: string, mode: number): void {
	call(`access "${path}"`, nr.faccessat, AT_FDCWD, cString(path), mode);
}

/** Whether the path leads to anything, without an error where it does not: that would cost as much as ten calls. access(2) */
export function leadsSomewhere(path: string): boolean {
	return systemCall(nr.faccessat, AT_FDCWD, cString(path), 0, 0, 0, 0) === 0;
}

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
	call(`stat "${path}"`, nr.statx, AT_FDCWD, cString(path), 0, STATX_BASIC_STATS, bytes);
	return new Statx(new DataView(bytes.buffer));
}

/** `struct statx`: most who ask want to know one thing of it. */
class Statx implements FileStatus {
	readonly #view: DataView;

	constructor(view: DataView) {
		this.#view = view;
	}

	get identity(): string {
		return `${this.#view.getUint32(136, true)}:${this.#view.getUint32(140, true)}:${this.inode}`;
	}

	get inode(): bigint {
		return this.#view.getBigUint64(32, true);
	}

	get mode(): number {
		return this.#view.getUint16(28, true);
	}

	get size(): number {
		return Number(this.#view.getBigUint64(40, true));
	}

	get mtimeNs(): bigint {
		return this.#view.getBigInt64(112, true) * 1_000_000_000n + BigInt(this.#view.getUint32(120, true));
	}
}

/** Sets the times of last access and change, in nanoseconds since the epoch. utimensat(2) */
export function utimes(path: string, { atimeNs, mtimeNs }: { atimeNs: bigint; mtimeNs: bigint }): void {
	const second = 1_000_000_000n;
	const times = new BigInt64Array([atimeNs / second, atimeNs % second, mtimeNs / second, mtimeNs % second]);
	call(`utimes "${path}"`, nr.utimensat, AT_FDCWD, cString(path), times);
}

/**
 * Fills `buffer` with the next entries of an open directory, `struct linux_dirent64` one behind the other; returns their
 * bytes, 0 at the end. getdents64(2)
 */
export function getdents(fd: number, buffer: Uint8Array): number {
	return call("getdents64", nr.getdents64, fd, buffer, buffer.byteLength);
}

/** A request to a driver; `argument` is a number or memory, as the request has it. ioctl(2) */
export function ioctl(fd: number, { name, request, argument }: DeviceRequest): void {
	call(name, nr.ioctl, fd, request, argument);
}

export interface DeviceRequest {
	/** As errors call it: `TUNSETIFF`. */
	readonly name: string;
	readonly request: number;
	readonly argument: number | Uint8Array;
}

export const LOCK_EX = 2;
export const LOCK_NB = 4;

export function flock(fd: number, operation: number): void {
	call("flock", nr.flock, fd, operation);
}

/** The magic number of the file system that an open file lies on; statfs(2). */
export function fileSystemMagic(fd: number): number {
	const statfs = new Uint8Array(120);
	call("fstatfs", nr.fstatfs, fd, statfs);
	return Number(new DataView(statfs.buffer).getBigUint64(0, true));
}

/** Whether that process exists and we may signal it; kill(2) with signal 0. */
export function probeProcess(pid: number): void {
	call(`signal process ${pid}`, nr.kill, pid, 0);
}

/** Where a symbolic link leads. readlink(2) */
export function readLink(path: string): string {
	const buffer = new Uint8Array(4096);
	const length = call(`read link "${path}"`, nr.readlinkat, AT_FDCWD, cString(path), buffer, buffer.byteLength);
	return decodeUtf8(buffer.subarray(0, length));
}

/** The working directory. @throws SystemError ENOENT when it has been deleted. getcwd(2) */
export function workingDirectory(): string {
	const buffer = new Uint8Array(4096);
	const length = call("find the working directory", nr.getcwd, buffer, buffer.byteLength);
	return decodeUtf8(buffer.subarray(0, length - 1));
}

/** Blocks this thread: a plugin has nothing else to do meanwhile. nanosleep(2) */
export function sleep(milliseconds: number): void {
	const nanoseconds = BigInt(Math.round(milliseconds * 1e6));
	const second = 1_000_000_000n;
	systemCall(nr.nanosleep, new BigInt64Array([nanoseconds / second, nanoseconds % second]), 0, 0, 0, 0, 0);
}

const CLOCK_BOOTTIME = 7;

/** Milliseconds since the machine was started, those included in which it slept: what nobody can set. clock_gettime(2) */
export function bootTime(): number {
	const time = new BigInt64Array(2);
	call("read the clock", nr.clock_gettime, CLOCK_BOOTTIME, time);
	return Number(time[0] ?? 0n) * 1000 + Number(time[1] ?? 0n) / 1e6;
}

export const CLONE_NEWNET = 0x4000_0000;

/** Moves the calling thread into the namespace; `netns.ts` is the only caller. */
export function setns(fd: number, kind: number): void {
	call("setns", nr.setns, fd, kind);
}

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

export function socket(domain: number, { type, protocol }: { type: number; protocol: number }): number {
	return call("socket", nr.socket, domain, type | SOCK_CLOEXEC, protocol);
}

export function bind(fd: number, address: Uint8Array): void {
	call("bind", nr.bind, fd, address, address.byteLength);
}

/** Connects to the address (a sockaddr). connect(2) */
export function connect(fd: number, address: Uint8Array): void {
	call("connect", nr.connect, fd, address, address.byteLength);
}

/** Fills `address` (a sockaddr of the right size) with the name that the kernel gave the socket. */
export function getsockname(fd: number, address: Uint8Array): void {
	const length = new Uint32Array([address.byteLength]);
	call("getsockname", nr.getsockname, fd, address, length);
}

export function setsockoptInt(
	fd: number,
	{ level, option, value }: { level: number; option: number; value: number },
): void {
	const bytes = new Int32Array([value]);
	call("setsockopt", nr.setsockopt, fd, level, option, bytes, bytes.byteLength);
}

/** An option whose value is a structure. setsockopt(2) */
export function setsockopt(
	fd: number,
	{ level, option, value }: { level: number; option: number; value: Uint8Array | BigUint64Array },
): void {
	call("setsockopt", nr.setsockopt, fd, level, option, value, value.byteLength);
}

/** Lets receive() fail with EAGAIN when nothing has come for so long; SO_RCVTIMEO, socket(7). */
export function setReceiveTimeout(fd: number, milliseconds: number): void {
	const timeval = new BigInt64Array([BigInt(Math.trunc(milliseconds / 1000)), BigInt((milliseconds % 1000) * 1000)]);
	call("setsockopt", nr.setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, timeval, timeval.byteLength);
}

const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;

/** Sends `data` whole, to `address` (a sockaddr) if given. */
export function send(fd: number, { data, address }: { data: Uint8Array; address?: Uint8Array }): void {
	call("sendto", nr.sendto, fd, data, data.byteLength, 0, address ?? 0, address?.byteLength ?? 0);
}

/** Receives one datagram into `buffer`; returns its length, which exceeds the buffer's when `flags` has MSG_TRUNC. */
export function receive(fd: number, { buffer, flags = 0 }: { buffer: Uint8Array; flags?: number }): number {
	return call("recv", nr.recvfrom, fd, buffer, buffer.byteLength, flags);
}

/** The same, with the sender's name in `address` (a sockaddr of the right size). recvfrom(2) */
export function receiveFrom(fd: number, { buffer, address }: { buffer: Uint8Array; address: Uint8Array }): number {
	const length = new Uint32Array([address.byteLength]);
	return call("recv", nr.recvfrom, fd, buffer, buffer.byteLength, 0, address, length);
}

export const MSG_TRUNC = 0x20;

export const AF_UNIX = 1;

/** Two connected sockets; socketpair(2). */
export function socketPair(domain: number, type: number): readonly [number, number] {
	const fds = new Int32Array(2);
	call("socketpair", nr.socketpair, domain, type | SOCK_CLOEXEC, 0, fds);
	return [fds[0] ?? -1, fds[1] ?? -1];
}

/** Sends descriptors (SCM_RIGHTS) and one byte over an AF_UNIX socket; unix(7). */
export function sendDescriptors(socketFd: number, descriptors: readonly number[]): void {
	// All in one buffer, which the call keeps alive while the kernel follows the pointers in it.
	const controlLength = 16 + 4 * descriptors.length;
	const buffer = new Uint8Array(80 + ((controlLength + 7) & ~7));
	const view = new DataView(buffer.buffer);
	const start = BigInt(addressOf(buffer));
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
	call("sendmsg", nr.sendmsg, socketFd, buffer);
}

/** Ends the process at once: nothing of the runtime is wound down, which saves a millisecond. _exit(2). */
export function exit(code: number): never {
	systemCall(nr.exit_group, code, 0, 0, 0, 0, 0);
	throw new Error("_exit(2) returned");
}

export const CLONE_NEWNS = 0x2_0000;
export const CLONE_NEWUTS = 0x400_0000;

/** Gives the calling thread namespaces of its own; unshare(2). */
export function unshare(kinds: number): void {
	call("unshare", nr.unshare, kinds);
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
	const attempt = source === "" ? `mount "${target}"` : `mount "${source}" on "${target}"`;
	call(attempt, nr.mount, cString(source), cString(target), 0, flags);
}

const MNT_DETACH = 2;

/** Takes the mount out of sight at once, and away when nothing uses it any more: `umount --lazy`. umount2(2) */
export function unmount(target: string): void {
	call(`unmount "${target}"`, nr.umount2, cString(target), MNT_DETACH);
}

export function setHostname(name: string): void {
	const bytes = encodeUtf8(name);
	call(`set the hostname "${name}"`, nr.sethostname, bytes, bytes.byteLength);
}

/** Makes this process the leader of a session and a process group of its own; setsid(2). */
export function newSession(): void {
	call("setsid", nr.setsid);
}

/** Ignored signals stay ignored across execve(2): back to what a program expects to find. sigaction(2) */
export function restoreSignal(signal: number): void {
	// struct sigaction with SIG_DFL and nothing else; the set of signals in it has 8 bytes.
	call("sigaction", nr.rt_sigaction, signal, new Uint8Array(32), 0, 8);
}

const F_SETFD = 2;
const FD_CLOEXEC = 1;

const F_SETFL = 4;

/** Sets O_NONBLOCK or O_APPEND of the open file. fcntl(2) */
export function setFlags(fd: number, flags: number): void {
	call("fcntl", nr.fcntl, fd, F_SETFL, flags);
}

export function closeOnExec(fd: number): void {
	call("fcntl", nr.fcntl, fd, F_SETFD, FD_CLOEXEC);
}

const RESOLVE_IN_ROOT = 0x10;

/**
 * Opens a path as a process would whose root directory is that of `rootFd`: neither `..` nor a symbolic link leads out
 * of it. openat2(2)
 */
export function openInRoot(
	rootFd: number,
	path: string,
	{ flags, mode = 0 }: { flags: number; mode?: number },
): number {
	const how = new BigUint64Array([BigInt(flags | O_CLOEXEC), BigInt(mode), BigInt(RESOLVE_IN_ROOT)]);
	return call(`open "${path}" in the root directory`, nr.openat2, rootFd, cString(path), how, how.byteLength);
}

/** Makes `path` the root and the working directory of this process. chroot(2) */
export function changeRoot(path: string): void {
	call(`change the root directory to "${path}"`, nr.chroot, cString(path));
	call('change into the directory "/"', nr.chdir, cString("/"));
}

/** Becomes another program; returns only by throwing. `environment` has `NAME=value` each. execve(2) */
export function execute(
	path: string,
	{ argv, environment }: { argv: readonly string[]; environment: readonly string[] },
): never {
	// Kept until the kernel has read what the pointers lead to.
	const texts = [argv.map(cString), environment.map(cString)];
	const [argvPointers = 0, environmentPointers = 0] = texts.map(
		(list) => new BigUint64Array([...list.map((text) => BigInt(addressOf(text))), 0n]),
	);
	call(`execute "${path}"`, nr.execve, cString(path), argvPointers, environmentPointers);
	throw new Error(`execve(2) of ${texts.length} lists returned`);
}

/** The errno values that this suite tells apart; errno(3), same on x86-64 and arm64. */
export const Errno = {
	EPERM: 1,
	ENOENT: 2,
	ESRCH: 3,
	EINTR: 4,
	EIO: 5,
	EAGAIN: 11,
	ENOMEM: 12,
	EACCES: 13,
	EBUSY: 16,
	EEXIST: 17,
	EXDEV: 18,
	ENODEV: 19,
	ENOTDIR: 20,
	EISDIR: 21,
	EINVAL: 22,
	ETXTBSY: 26,
	ENOSPC: 28,
	EPIPE: 32,
	ERANGE: 34,
	ENAMETOOLONG: 36,
	EMSGSIZE: 90,
	EOPNOTSUPP: 95,
	EADDRINUSE: 98,
	EADDRNOTAVAIL: 99,
	ENETDOWN: 100,
	ENETUNREACH: 101,
	ECONNRESET: 104,
	ENOBUFS: 105,
	ETIMEDOUT: 110,
	ECONNREFUSED: 111,
	EHOSTUNREACH: 113,
	EINPROGRESS: 115,
} as const;

const words: Readonly<Record<number, string>> = {
	1: "operation not permitted",
	2: "no such file or directory",
	3: "no such process",
	4: "interrupted system call",
	5: "input/output error",
	6: "no such device or address",
	7: "argument list too long",
	8: "exec format error",
	9: "bad file descriptor",
	11: "resource temporarily unavailable",
	12: "cannot allocate memory",
	13: "permission denied",
	14: "bad address",
	16: "device or resource busy",
	17: "file exists",
	18: "invalid cross-device link",
	19: "no such device",
	20: "not a directory",
	21: "is a directory",
	22: "invalid argument",
	23: "too many open files in system",
	24: "too many open files",
	26: "text file busy",
	27: "file too large",
	28: "no space left on device",
	30: "read-only file system",
	31: "too many links",
	32: "broken pipe",
	34: "numerical result out of range",
	36: "file name too long",
	38: "function not implemented",
	40: "too many levels of symbolic links",
	71: "protocol error",
	90: "message too long",
	93: "protocol not supported",
	95: "operation not supported",
	97: "address family not supported by protocol",
	98: "address already in use",
	99: "cannot assign requested address",
	100: "network is down",
	101: "network is unreachable",
	104: "connection reset by peer",
	105: "no buffer space available",
	110: "connection timed out",
	111: "connection refused",
	113: "no route to host",
	115: "operation now in progress",
};

/** The text of an errno in the lower case that operators know from the reference; strerror(3). */
export function errnoText(errno: number): string {
	return words[errno] ?? `errno ${errno}`;
}

/** A failed system call: what was attempted, and the errno. */
export class SystemError extends Error {
	override readonly name = "SystemError";
	readonly errno: number;

	constructor(attempt: string, errno: number) {
		super(`${attempt}: ${errnoText(errno)}`);
		this.errno = errno;
	}
}

/** The errno of a SystemError or of an error of node:fs; 0 for anything else. */
export function errnoOf(thrown: unknown): number {
	// Not `instanceof Error`: under Jest, node:fs throws errors of another realm.
	const found = typeof thrown === "object" && thrown !== null && "errno" in thrown ? thrown.errno : undefined;
	return typeof found === "number" ? Math.abs(found) : 0;
}

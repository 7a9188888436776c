import { readText, withFile, writeAll } from "./files.ts";
import { O_WRONLY } from "./libc.ts";

/**
 * A kernel parameter by its path below /proc/sys, with slashes: `net/ipv4/conf/eth0/arp_notify`. Parameters below
 * `net/` are those of the namespace that the thread is in. Equivalent of `sysctl`.
 */
export type SysctlPath = string;

/** The parameter's value without white space around it. @throws SystemError */
export function readSysctl(path: SysctlPath): string {
	return readText(`/proc/sys/${path}`).trim();
}

/** @throws SystemError */
export function writeSysctl(path: SysctlPath, value: string): void {
	// Opened without O_CREAT and O_TRUNC: /proc refuses to create, and then says ENOENT.
	withFile(`/proc/sys/${path}`, { flags: O_WRONLY }, (fd) => writeAll(fd, value));
}

/** Writes the value unless it is there already, so that the file's time does not change for nothing. */
export function ensureSysctl(path: SysctlPath, value: string): void {
	if (readSysctl(path) !== value) writeSysctl(path, value);
}

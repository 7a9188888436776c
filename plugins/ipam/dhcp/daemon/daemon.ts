import { messageOf } from "../../../../lib/cni/error.ts";
import { inDirectoryOf, unlessAbsent } from "../../../../lib/linux/absent.ts";
import { Errno, errnoOf } from "../../../../lib/linux/errno.ts";
import { type FileLock, tryLockFile } from "../../../../lib/linux/file-lock.ts";
import { unlink, withFile, writeAll } from "../../../../lib/linux/files.ts";
import { ftruncate, O_CREAT, O_WRONLY } from "../../../../lib/linux/libc.ts";
import { openSignals, readSignal, SIGINT, SIGTERM } from "../../../../lib/linux/signals.ts";
import { writeStderr } from "../../../../lib/linux/stdio.ts";
import { accept } from "../../../../lib/linux/unix-socket.ts";
import { type DhcpLeases, dhcpLeases } from "../../../../lib/state/dhcp-leases.ts";
import { serveConnection } from "./connection.ts";
import { createEventLoop } from "./event-loop.ts";
import { type DaemonFlags, parseFlags, UsageError, usage } from "./flags.ts";
import { createLeaseKeeper } from "./lease-keeper.ts";
import { openListener } from "./listen.ts";
import { log } from "./log.ts";
import { createService } from "./service.ts";

/**
 * `dhcp daemon [flags]`: serves its socket until SIGINT or SIGTERM. Leases are kept: the next daemon goes on with them.
 *
 * @returns the exit code
 */
export function runDaemon(args: readonly string[]): number {
	let flags: DaemonFlags;
	try {
		flags = parseFlags(args);
	} catch (thrown) {
		if (!(thrown instanceof UsageError)) throw thrown;
		writeStderr(thrown.message === "" ? usage : `${thrown.message}\n${usage}`);
		return thrown.message === "" ? 0 : 2;
	}
	try {
		serve(flags);
		return 0;
	} catch (thrown) {
		log(messageOf(thrown));
		return 1;
	}
}

function serve(flags: DaemonFlags): void {
	const { pidfile, hostprefix } = flags;
	const socketPath = `${hostprefix}${flags.socketpath}`;
	if (pidfile !== "" && !pidfile.startsWith("/")) {
		throw new Error(`Error writing pidfile "${pidfile}": path not absolute`);
	}
	const leases = dhcpLeases(socketPath);
	// Held until the process ends: two daemons would renew, and release, each the other's leases.
	using _lock = lockOut(leases.lockPath, socketPath);
	try {
		if (pidfile !== "") writePidfile(pidfile);
		listen(flags, { socketPath, leases });
	} finally {
		if (pidfile !== "") unlessAbsent(() => unlink(pidfile));
	}
}

function listen(flags: DaemonFlags, { socketPath, leases }: { socketPath: string; leases: DhcpLeases }): void {
	const { hostprefix, broadcast } = flags;
	const loop = createEventLoop((thrown) => log(messageOf(thrown)));
	const listener = failing("Error getting listener", () => openListener(socketPath, process.env));
	const timing = {
		firstDelayMs: Math.max(flags.timeout, 1),
		largestDelayMs: flags.resendmax,
		budgetMs: flags.resendtimeout,
	};
	const keeper = createLeaseKeeper({ loop, leases, timing, broadcast, log });
	const service = createService(keeper, { hostprefix });
	keeper.restore();
	loop.watch(listener.fd, () => {
		const fd = tryAccept(listener.fd);
		if (fd !== undefined) serveConnection(fd, { loop, service });
	});
	const signals = openSignals([SIGINT, SIGTERM]);
	loop.watch(signals, () => {
		readSignal(signals);
		loop.stop();
	});
	log(`listening at ${socketPath}`);
	loop.run();
	// That of systemd stays, and takes callers until the next daemon serves them.
	if (!listener.inherited) unlessAbsent(() => unlink(socketPath));
}

function lockOut(path: string, socketPath: string): FileLock {
	const lock = failing("Error getting listener", () => inDirectoryOf(path, () => tryLockFile(path)));
	if (lock !== undefined) return lock;
	throw new Error(`Error getting listener: another daemon serves ${socketPath}, and holds "${path}"`);
}

function writePidfile(path: string): void {
	failing(`Error writing pidfile "${path}"`, () => {
		withFile(path, { flags: O_WRONLY | O_CREAT, mode: 0o644 }, (fd) => {
			ftruncate(fd, 0);
			writeAll(fd, String(process.pid));
		});
	});
}

/** A connection may have gone again before it was taken; without a descriptor left, others are closed some time. */
function tryAccept(fd: number): number | undefined {
	try {
		return accept(fd);
	} catch (thrown) {
		if (errnoOf(thrown) !== Errno.EAGAIN) log(`Cannot accept a connection: ${messageOf(thrown)}`);
		return undefined;
	}
}

function failing<T>(what: string, action: () => T): T {
	try {
		return action();
	} catch (thrown) {
		throw new Error(`${what}: ${messageOf(thrown)}`, { cause: thrown });
	}
}

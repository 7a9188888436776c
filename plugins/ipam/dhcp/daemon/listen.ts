import { inDirectoryOf } from "../../../../lib/linux/absent.ts";
import { Errno, errnoOf } from "../../../../lib/linux/errno.ts";
import { exists, unlink } from "../../../../lib/linux/files.ts";
import { close, closeOnExec, mkdir, O_NONBLOCK, setFlags } from "../../../../lib/linux/libc.ts";
import { connectUnix, listenUnix } from "../../../../lib/linux/unix-socket.ts";

/** Where the daemon hears of callers. */
export interface Listener {
	readonly fd: number;
	/** Whether somebody else has made the socket, and it outlives us: systemd. */
	readonly inherited: boolean;
}

/** The first descriptor that systemd hands over; sd_listen_fds(3). */
const firstInherited = 3;

/**
 * The socket that the daemon was started for, or one of its own at `path`. A file that is left of an earlier daemon, which
 * nobody listens at, is replaced.
 *
 * @throws Error
 */
export function openListener(path: string, variables: Readonly<Record<string, string | undefined>>): Listener {
	const count = Number(variables.LISTEN_PID) === process.pid ? Number(variables.LISTEN_FDS ?? 0) : 0;
	if (count > 1) throw new Error(`Too many (${count}) FDs passed through socket activation`);
	if (count === 1) {
		setFlags(firstInherited, O_NONBLOCK);
		closeOnExec(firstInherited);
		return { fd: firstInherited, inherited: true };
	}
	makeDirectory(path);
	removeStale(path);
	return { fd: listenUnix(path), inherited: false };
}

/** Nobody else may connect, whatever the mode of the socket. */
function makeDirectory(path: string): void {
	const directory = path.slice(0, path.lastIndexOf("/"));
	if (directory === "" || exists(directory)) return;
	try {
		inDirectoryOf(directory, () => mkdir(directory, 0o700));
	} catch (thrown) {
		if (errnoOf(thrown) !== Errno.EEXIST) throw thrown;
	}
}

function removeStale(path: string): void {
	let answered: number;
	try {
		answered = connectUnix(path);
	} catch (thrown) {
		if (errnoOf(thrown) === Errno.ECONNREFUSED) unlink(path);
		return;
	}
	close(answered);
	throw new Error(`listen unix ${path}: bind: address already in use: another daemon listens there`);
}

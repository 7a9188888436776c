import { Errno, errnoOf, SystemError } from "./errno.ts";
import { stat } from "./files.ts";
import { CLONE_NEWNET, close, fileSystemMagic, O_NONBLOCK, O_RDONLY, open, setns } from "./libc.ts";

/** A network namespace held open by a descriptor. */
export interface NetworkNamespace extends Disposable {
	/** The path as it was given; results carry it as `sandbox`. */
	readonly path: string;
	/** For requests that name a namespace by descriptor (IFLA_NET_NS_FD). */
	readonly fd: number;
	/**
	 * Runs `action` with the calling thread inside the namespace, and brings the thread back, also after an exception.
	 * The action is synchronous, so nothing else can run on this thread meanwhile; what it opens (sockets, files below
	 * /proc/sys/net) belongs to the namespace.
	 *
	 * @throws NamespaceError when the path led to something else than a network namespace
	 */
	run<T>(action: () => T): T;
}

const nsfsMagic = 0x6e736673;
const procfsMagic = 0x9fa0;

/** Why a path could not be opened as a network namespace. `missing` is what DEL takes for "already gone". */
export class NamespaceError extends Error {
	override readonly name = "NamespaceError";
	readonly missing: boolean;

	constructor(message: string, { missing, cause }: { missing: boolean; cause?: unknown }) {
		super(message, cause === undefined ? undefined : { cause });
		this.missing = missing;
	}
}

/** Opens the namespace bound at `path`. @throws NamespaceError */
export function openNamespace(path: string): NetworkNamespace {
	const fd = openPath(path);
	try {
		const magic = fileSystemMagic(fd);
		if (magic !== nsfsMagic && magic !== procfsMagic) {
			throw new NamespaceError(`unknown FS magic on "${path}": ${magic.toString(16)}`, { missing: false });
		}
		return { path, fd, run: (action) => runInside({ path, fd }, action), [Symbol.dispose]: () => close(fd) };
	} catch (thrown) {
		close(fd);
		throw thrown;
	}
}

/**
 * Whether `path` leads to the network namespace that this process is in; undefined when it leads nowhere (a stale,
 * missing or empty path). @throws SystemError when the own namespace cannot be read
 */
export function isOwnNamespace(path: string): boolean | undefined {
	const own = stat("/proc/self/ns/net").identity;
	const other = path === "" ? undefined : identityOf(path);
	return other === undefined ? undefined : own === other;
}

function openPath(path: string): number {
	try {
		if (path === "") throw new SystemError("open", Errno.ENOENT);
		// Without O_NONBLOCK, a path that leads to a FIFO would be waited for until somebody opens its other end.
		return open(path, { flags: O_RDONLY | O_NONBLOCK });
	} catch (thrown) {
		const errno = errnoOf(thrown);
		const reason =
			thrown instanceof SystemError ? new SystemError(`failed to Statfs "${path}"`, errno).message : thrown;
		throw new NamespaceError(String(reason), {
			missing: errno === Errno.ENOENT || errno === Errno.ENOTDIR,
			cause: thrown,
		});
	}
}

function runInside<T>(namespace: { path: string; fd: number }, action: () => T): T {
	const home = open("/proc/thread-self/ns/net", { flags: O_RDONLY });
	try {
		enter(namespace);
		try {
			return action();
		} finally {
			setns(home, CLONE_NEWNET);
		}
	} finally {
		close(home);
	}
}

/** Other files of nsfs and procfs (`/proc/self/ns/mnt`) have passed so far; only the kernel tells them apart. */
function enter({ path, fd }: { path: string; fd: number }): void {
	try {
		setns(fd, CLONE_NEWNET);
	} catch (thrown) {
		if (errnoOf(thrown) !== Errno.EINVAL) throw thrown;
		throw new NamespaceError(`"${path}" is not a network namespace`, { missing: false, cause: thrown });
	}
}

function identityOf(path: string): string | undefined {
	try {
		return stat(path).identity;
	} catch {
		return undefined;
	}
}

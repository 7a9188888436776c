import { Errno, errnoOf } from "../../linux/errno.ts";
import { listDirectory, readText } from "../../linux/files.ts";
import { readLink, stat } from "../../linux/libc.ts";

/** What a survey reads of a process. */
export interface SeenProcess {
	readonly pid: number;
	/** Its command, for messages; a process may call itself anything. */
	readonly name: string;
	/** Its words: arguments, environment, and control groups, of which runtimes name one after the container. */
	readonly words: string;
	/** CNI_CONTAINERID in its environment: a plugin at work, or what one has started. */
	readonly attaches: string | undefined;
	/** The namespaces that its threads are in, or that it holds open, and by which path each can be opened. */
	readonly namespaces: readonly { readonly identity: string; readonly path: string; readonly inside: boolean }[];
	/** Undefined when it has ended meanwhile. */
	readonly mountNamespace: string | undefined;
}

export interface Processes {
	readonly all: readonly SeenProcess[];
	/** How many would not let themselves be read. */
	readonly hidden: number;
	/** One that has the text among its words, as a word of its own: short ids occur within others. */
	bearerOf(text: string): SeenProcess | undefined;
}

/** Every process that there is, but for this one. */
export function readProcesses(): Processes {
	const own = String(process.pid);
	// Of the same file system for all namespaces.
	const device = stat("/proc/self/ns/net").identity.replace(/:\d+$/, "");
	const names = listDirectory("/proc").filter((name) => /^\d+$/.test(name) && name !== own);
	const first = readAll(names, device);
	// One that is just about to become another program may refuse once.
	const again = readAll(first.refused, device);
	const all = [...first.read, ...again.read];
	const hidden = again.refused.filter((name) => name !== init).length;
	// Most ids are in none: one search tells.
	const together = all.map(({ words }) => words).join("\0");
	return {
		all,
		hidden,
		bearerOf: (text) => (together.includes(text) ? all.find(({ words }) => hasWord(words, text)) : undefined),
	};
}

function hasWord(words: string, text: string): boolean {
	for (let at = words.indexOf(text); at >= 0; at = words.indexOf(text, at + 1)) {
		const around = `${words[at - 1] ?? ""}${words[at + text.length] ?? ""}`;
		if (!/[A-Za-z0-9_]/.test(around)) return true;
	}
	return false;
}

function readProcess(pid: string, device: string): SeenProcess {
	const directory = `/proc/${pid}`;
	const environment = readText(`${directory}/environ`);
	const argumentsAndGroups = [readText(`${directory}/cmdline`), readText(`${directory}/cgroup`)];
	const attaches = environment.split("\0").find((variable) => variable.startsWith(containerVariable));
	return {
		pid: Number(pid),
		name: readText(`${directory}/comm`).trim(),
		words: [...argumentsAndGroups, environment].join("\0"),
		attaches: attaches?.slice(containerVariable.length),
		namespaces: [...namespacesOfThreads(directory), ...namespacesHeldOpen(directory, device)],
		mountNamespace: identityAt(`${directory}/ns/mnt`),
	};
}

function readAll(names: readonly string[], device: string): { read: readonly SeenProcess[]; refused: string[] } {
	const refused: string[] = [];
	const read = names.flatMap((name) => {
		try {
			return [readProcess(name, device)];
		} catch (thrown) {
			if (!hasEnded(thrown)) refused.push(name);
			return [];
		}
	});
	return { read, refused };
}

/** May have capabilities that we lack, and is then closed to us; but it is in no container. */
const init = "1";

const containerVariable = "CNI_CONTAINERID=";

/** Threads may be in different ones. */
function namespacesOfThreads(directory: string): SeenProcess["namespaces"] {
	return listDirectory(`${directory}/task`).flatMap((thread) => {
		const path = `${directory}/task/${thread}/ns/net`;
		const identity = identityAt(path);
		return identity === undefined ? [] : [{ identity, path, inside: true }];
	});
}

function namespacesHeldOpen(directory: string, device: string): SeenProcess["namespaces"] {
	return listDirectory(`${directory}/fd`).flatMap((fd) => {
		const path = `${directory}/fd/${fd}`;
		const inode = /^net:\[(\d+)\]$/.exec(unlessEnded(() => readLink(path)) ?? "")?.[1];
		return inode === undefined ? [] : [{ identity: `${device}:${inode}`, path, inside: false }];
	});
}

function identityAt(path: string): string | undefined {
	return unlessEnded(() => stat(path).identity);
}

function unlessEnded<T>(action: () => T): T | undefined {
	try {
		return action();
	} catch (thrown) {
		if (hasEnded(thrown)) return undefined;
		throw thrown;
	}
}

/** What /proc answers of a process that has ended; a zombie has no namespaces any more. */
function hasEnded(thrown: unknown): boolean {
	return ([Errno.ENOENT, Errno.ESRCH, Errno.EINVAL] as readonly number[]).includes(errnoOf(thrown));
}

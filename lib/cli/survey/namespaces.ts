import { formatAddress, type IpAddress, isLinkLocal, isLoopback } from "../../ip/address.ts";
import { stat } from "../../linux/files.ts";
import { openNamespace } from "../../linux/netns.ts";
import { listAllAddresses } from "../../netlink/address.ts";
import { type Link, listLinks } from "../../netlink/link.ts";
import { openRouteSocket } from "../../netlink/rtnetlink.ts";
import { type MountedNamespace, mountedNamespaces } from "./mounted-namespaces.ts";
import type { Processes } from "./processes.ts";

/** A network namespace that exists: a process is in it or holds it open, or it is bound to a file. */
export interface LivingNamespace {
	/** Device and inode, as SandboxIdentity has it. */
	readonly identity: string;
	/** By which it can be opened: of a file first, then of processes. */
	readonly paths: readonly string[];
	/** Of the processes in it. */
	readonly pids: readonly number[];
}

/** All network namespaces of the machine but the one that this process is in, the host's. */
export interface Namespaces {
	readonly own: string;
	readonly all: ReadonlyMap<string, LivingNamespace>;
	/** Whose links and addresses could not be read. */
	readonly unreadable: readonly LivingNamespace[];
	/** What is in a namespace; undefined for one that is gone or cannot be read. */
	contentOf(identity: string): NamespaceContent | undefined;
	/** Whether one is bound at the path in any mount namespace: runtimes in containers have files of their own. */
	isBound(path: string): boolean;
	/** Namespaces in which an interface has the address. */
	holdersOf(address: IpAddress): readonly LivingNamespace[];
}

export interface NamespaceContent {
	readonly links: readonly Link[];
	/** All but those that mean something on a link or a machine alone. */
	readonly addresses: readonly { readonly linkIndex: number; readonly address: IpAddress }[];
}

export function readNamespaces({ all: processes }: Processes): Namespaces {
	const own = stat("/proc/thread-self/ns/net").identity;
	const mounted = mountedNamespaces(processes);
	const points = new Set(mounted.filter(({ identity }) => identity !== own).map(({ point }) => withoutLink(point)));
	const all = new Map(collect(processes, { own, mounted }));
	const contents = new Map<string, NamespaceContent>();
	const holders = new Map<string, LivingNamespace[]>();
	const unreadable: LivingNamespace[] = [];
	for (const namespace of all.values()) {
		const content = readContent(namespace);
		if (content === undefined) {
			if (namespace.paths.some((path) => identityAt(path) === namespace.identity)) unreadable.push(namespace);
			// It has ended meanwhile.
			else all.delete(namespace.identity);
			continue;
		}
		contents.set(namespace.identity, content);
		for (const text of new Set(content.addresses.map(({ address }) => formatAddress(address)))) {
			holders.set(text, [...(holders.get(text) ?? []), namespace]);
		}
	}
	return {
		own,
		all,
		unreadable,
		contentOf: (identity) => contents.get(identity),
		isBound: (path) => points.has(withoutLink(path)),
		holdersOf: (address) => holders.get(formatAddress(address)) ?? [],
	};
}

/** The link that every system has, in the paths of many runtimes. */
function withoutLink(path: string): string {
	return path.replace(/^\/var\/run\//, "/run/");
}

function collect(
	processes: Processes["all"],
	{ own, mounted }: { own: string; mounted: readonly MountedNamespace[] },
): ReadonlyMap<string, LivingNamespace> {
	const found = new Map<string, { identity: string; paths: string[]; pids: Set<number> }>();
	const entry = (identity: string) => {
		const known = found.get(identity) ?? { identity, paths: [], pids: new Set() };
		found.set(identity, known);
		return known;
	};
	for (const { identity, path } of mounted) entry(identity).paths.push(path);
	for (const { pid, namespaces } of processes) {
		for (const { identity, path, inside } of namespaces) {
			const known = entry(identity);
			// Of a namespace with thousands of threads, a few ways in are enough.
			if (known.paths.length < 8) known.paths.push(path);
			if (inside) known.pids.add(pid);
		}
	}
	found.delete(own);
	return new Map(Array.from(found, ([identity, { paths, pids }]) => [identity, { identity, paths, pids: [...pids] }]));
}

function readContent({ identity, paths }: LivingNamespace): NamespaceContent | undefined {
	for (const path of paths) {
		try {
			using namespace = openNamespace(path);
			// The path may have come to lead elsewhere.
			if (identityAt(`/proc/self/fd/${namespace.fd}`) !== identity) continue;
			using socket = namespace.run(openRouteSocket);
			const addresses = listAllAddresses(socket)
				.map(({ linkIndex, prefix: { address } }) => ({ linkIndex, address }))
				.filter(({ address }) => !isLinkLocal(address) && !isLoopback(address));
			return { links: listLinks(socket), addresses };
		} catch {
			// Another path may lead there.
		}
	}
	return undefined;
}

/** What a path leads to now; undefined when it leads nowhere. */
export function identityAt(path: string): string | undefined {
	try {
		return stat(path).identity;
	} catch {
		return undefined;
	}
}

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attempt, createNamespace, deleteNamespace, type Namespace } from "./namespace.ts";
import { differences, type Snapshot, takeSnapshot } from "./snapshot.ts";

/** A machine of its own for one test: a namespace that plays the host, and containers. */
export interface World extends Disposable {
	/** The namespace in which plugins run; its interfaces are what a real host would show. */
	readonly host: Namespace;
	/** A folder of this world: the place for dataDir, caches, configurations. */
	readonly directory: string;
	/** host-local's dataDir, inside `directory`; not created. */
	readonly dataDir: string;
	/** Where plugins keep what the host's firewall should hold (lib/state/firewall-records.ts); not created. */
	readonly firewallRecords: string;
	/** Makes one more container. */
	container(): Namespace;
	/** Has the action done before the namespaces go: to end a process in one of them. */
	beforeDispose(action: () => void): void;
	/** Takes everything away; other processes in the namespaces must have ended. */
	dispose(): void;
	/** What the host namespace and dataDir held when the world was made. */
	readonly before: Snapshot;
}

/**
 * Makes a host namespace and a temporary folder. Names are unique on the machine: `cst-<pid>-<n>`, so that worlds of
 * processes that were killed can be told and removed (`removeAbandonedWorlds`).
 *
 * ```ts
 * using world = createWorld();
 * ```
 */
export function createWorld(): World {
	const namespaces: Namespace[] = [];
	const add = () => {
		const name = uniqueName();
		// Left by another file of tests that failed: Jest counts anew for each file.
		if (existsSync(`/run/netns/${name}`)) deleteNamespace({ name, path: `/run/netns/${name}` });
		const namespace = createNamespace(name);
		namespaces.push(namespace);
		return namespace;
	};
	const host = add();
	const directory = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
	const dataDir = join(directory, "networks");
	const firewallRecords = firewallRecordsOf(host);
	// The kernel gives the inode numbers of namespaces again.
	rmSync(firewallRecords, { recursive: true, force: true });
	const endings: (() => void)[] = [];
	const dispose = () => {
		for (const end of endings.splice(0)) end();
		rmSync(firewallRecords, { recursive: true, force: true });
		for (const namespace of namespaces.splice(0).reverse()) deleteNamespace(namespace);
		removeDirectory(directory);
	};
	return {
		host,
		directory,
		dataDir,
		firewallRecords,
		container: add,
		beforeDispose: (action) => endings.push(action),
		dispose,
		[Symbol.dispose]: dispose,
		before: takeSnapshot(host, { directories: [dataDir], firewallRecords }),
	};
}

export interface LeftoverOptions {
	/** Compared with this snapshot instead of the one taken when the world was made. */
	readonly since?: Snapshot;
	/** Differences that the contract allows to stay, as patterns over the lines that `leftovers` returns. */
	readonly except?: readonly RegExp[];
}

/**
 * What differs in the host namespace, in dataDir and in the firewall's records from `since`: one line for each thing that is left (`+ link …`) or
 * missing (`- address …`). An empty list means that everything is as it was.
 */
export function leftovers(world: World, { since = world.before, except = [] }: LeftoverOptions = {}): string[] {
	return differences(since, snapshotOf(world)).filter((line) => !except.some((pattern) => pattern.test(line)));
}

/** The present state of the host namespace, of dataDir and of the firewall's records. */
export function snapshotOf(world: World): Snapshot {
	return takeSnapshot(world.host, { directories: [world.dataDir], firewallRecords: world.firewallRecords });
}

/** What bridge and host-local leave on purpose: the bridge with its gateway address, lock, cursor, empty nft bases. */
export const keptByContract: readonly RegExp[] = [
	/^\+ (link|address|route|qdisc) .*\(bridge\)/,
	/^\+ file \S*(lock|last_reserved_ip\.\d+) mode /,
	/^\+ directory /,
	/^\+ sysctl |^- sysctl /,
	/^\+ nft (table|chain) inet cni_plugins_masquerade /,
	/^\+ nft rule inet cni_plugins_masquerade postrouting /,
];

/** What port maps leave on purpose: bases, of nf_tables and of iptables, and the host addresses that ports were at. */
export const keptByPortMaps: readonly RegExp[] = [
	/^\+ nft (table|chain|rule) inet cni_suite (?!conditions_)/,
	/^\+ nft (set|map) inet cni_suite (?!.*"elem")/,
	/^\+ nft set inet cni_suite port_addresses[46] /,
	/^\+ nft (table|chain) ip6? nat(| PREROUTING| INPUT| OUTPUT| POSTROUTING| CNI-HOSTPORT-\w+) \{/,
	/^\+ nft rule ip6? nat (PREROUTING|OUTPUT|POSTROUTING|CNI-HOSTPORT-(SETMARK|MASQ)) /,
	/^\+ iptables nat (\*nat|:(?!CNI-DN)|-A (PREROUTING|OUTPUT|POSTROUTING|CNI-HOSTPORT-(SETMARK|MASQ)) )/,
];

/** Where plugins that run in a namespace keep what its firewall should hold. */
export function firewallRecordsOf({ path }: Pick<Namespace, "path">): string {
	return `/run/cni-suite/firewall/${statSync(path).ino}`;
}
/** What the plugin firewall leaves in both backends: empty sets, the chains that ask them, jumps that every packet takes. */
export const keptByFirewall: readonly RegExp[] = [
	/^\+ nft (table|chain) (inet|bridge) cni_suite /,
	/^\+ nft rule (inet|bridge) cni_suite (forward|forward_ingress) /,
	/^\+ nft set (inet|bridge) cni_suite (?!.*"elem")/,
	/^\+ nft (table|chain) ip6? filter /,
	/^\+ nft rule ip6? filter \S+ (?!.*"match":)/,
	/^\+ iptables filter ([*:]|-A \S+ -m comment --comment "[^"]+" -j \S+$)/,
];

/** Removes namespaces and folders of worlds whose process is no more. */
export function removeAbandonedWorlds(): void {
	for (const name of entries("/run/netns")) {
		if (!isAbandoned(name)) continue;
		const path = `/run/netns/${name}`;
		rmSync(firewallRecordsOf({ path }), { recursive: true, force: true });
		deleteNamespace({ name, path });
	}
	for (const name of entries(tmpdir())) {
		if (isAbandoned(name)) removeDirectory(join(tmpdir(), name));
	}
}

/** With what is mounted in it. */
function removeDirectory(directory: string): void {
	for (const mountPoint of mountPointsBelow(directory).reverse()) attempt(["umount", "--lazy", mountPoint]);
	rmSync(directory, { recursive: true, force: true });
}

/** In the order in which they were mounted. */
export function mountPointsBelow(directory: string): string[] {
	return readFileSync("/proc/self/mountinfo", "utf8")
		.split("\n")
		.map((line) => line.split(" ")[4] ?? "")
		.filter((mountPoint) => mountPoint.startsWith(`${directory}/`));
}

const prefix = "cst-";
const counter = { next: 0 };

function uniqueName(): string {
	return `${prefix}${process.pid}-${counter.next++}`;
}

function isAbandoned(name: string): boolean {
	const pid = /^cst-(\d+)-/.exec(name)?.[1];
	if (pid === undefined) return false;
	try {
		process.kill(Number(pid), 0);
		return false;
	} catch {
		return true;
	}
}

function entries(directory: string): string[] {
	try {
		return readdirSync(directory);
	} catch {
		return [];
	}
}

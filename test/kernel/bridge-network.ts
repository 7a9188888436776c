import { attemptIn, type Namespace, runIn } from "../support/namespace.ts";
import { type Command, mustRunPlugin, type PluginCall, type PluginOutcome, runPlugin } from "../support/run-plugin.ts";
import { keptByContract, type World } from "../support/world.ts";

/** A printed result of version 0.3.0 or later. */
export interface PrintedResult {
	readonly cniVersion: string;
	readonly interfaces: readonly { readonly name: string; readonly mac: string; readonly sandbox?: string }[];
	readonly ips?: readonly { readonly address: string; readonly gateway?: string; readonly interface?: number }[];
	readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
	readonly dns?: Readonly<Record<string, unknown>>;
}

export type Config = Readonly<Record<string, unknown>>;

/** host-local over the subnets, one range set each; its files are in the world's dataDir. */
export function hostLocal(world: World, subnets: readonly string[], more: Config = {}): Config {
	return { type: "host-local", dataDir: world.dataDir, ranges: subnets.map((subnet) => [{ subnet }]), ...more };
}

export interface NetworkOptions {
	/** None for a network without addresses. */
	readonly subnets?: readonly string[];
	/** Keys of the configuration, over the defaults. */
	readonly config?: Config;
	/** Keys of `ipam`. */
	readonly ipam?: Config;
}

/** What a network keeps on the host when its last attachment is gone: also the index beside host-local's files. */
export const kept: readonly RegExp[] = [
	/^\+ nft (table|chain) bridge nat( PREROUTING)? /,

	...keptByContract,
	/^[+-] file \.cni-suite\//,
	/^[+-] directory \.cni-suite(\/|$)/,
];

/** A configuration for the bridge `br0` in version 1.1.0; by default one IPv4 subnet. */
export function bridgeNetwork(world: World, { subnets = ["10.1.2.0/24"], config, ipam }: NetworkOptions = {}): Config {
	return {
		cniVersion: "1.1.0",
		name: "n1",
		type: "bridge",
		bridge: "br0",
		...(subnets.length === 0 ? {} : { ipam: hostLocal(world, subnets, ipam) }),
		...config,
	};
}

/** One interface of one container on one network, and what a runtime does with it. */
export interface Attachment {
	readonly container: Namespace;
	readonly call: Omit<PluginCall, "command">;
	/** ADD, which must succeed. */
	add(): PrintedResult;
	/** Any verb, which may fail; CHECK and DEL get the result of the last ADD as prevResult. */
	run(command: Command, changed?: Partial<PluginCall>): PluginOutcome;
	/** Any verb, which must succeed. */
	must(command: Command, changed?: Partial<PluginCall>): void;
	/** The result of the last ADD. @throws Error before it */
	readonly result: PrintedResult;
	/** The name of the host's end. */
	readonly port: string;
}

export function attachment(
	world: World,
	options: Omit<Partial<PluginCall>, "config"> & { readonly config: Config },
): Attachment {
	const container = (options.netns as Namespace | undefined) ?? world.container();
	const { config } = options;
	const call = { world, type: "bridge", netns: container, ...options };
	let last: PrintedResult | undefined;
	const withResult = (command: Command, changed: Partial<PluginCall>): PluginCall => {
		const prevResult = last === undefined || !["CHECK", "DEL"].includes(command) ? {} : { prevResult: last };
		return { ...call, command, config: { ...config, ...prevResult }, ...changed };
	};
	const result = () => {
		if (last === undefined) throw new Error("There has been no ADD yet");
		return last;
	};
	return {
		container,
		call,
		add() {
			last = mustRunPlugin<PrintedResult>(withResult("ADD", {}));
			return last;
		},
		run: (command, changed = {}) => runPlugin(withResult(command, changed)),
		must(command, changed = {}) {
			mustRunPlugin(withResult(command, changed));
		},
		get result() {
			return result();
		},
		get port() {
			return result().interfaces[1]?.name ?? "";
		},
	};
}

/** A link as `ip -d -j` shows it, with what the tests look at. */
export interface ShownLink {
	readonly ifindex: number;
	readonly link_index?: number;
	readonly ifname: string;
	readonly ifalias?: string;
	readonly flags: readonly string[];
	readonly mtu: number;
	readonly master?: string;
	readonly operstate: string;
	readonly address: string;
	readonly promiscuity: number;
	readonly txqlen?: number;
	readonly linkinfo?: {
		readonly info_kind?: string;
		readonly info_data?: Readonly<Record<string, unknown>>;
		readonly info_slave_data?: Readonly<Record<string, unknown>>;
	};
}

/** `ip -d link show`. */
export function shownLinks(namespace: Namespace): readonly ShownLink[] {
	return json<ShownLink[]>(namespace, "ip -j -d link show");
}

/** `ip -d link show NAME`. @throws Error where there is none */
export function shownLink(namespace: Namespace, name: string): ShownLink {
	const found = shownLinks(namespace).find(({ ifname }) => ifname === name);
	if (found === undefined) throw new Error(`There is no link "${name}" in ${namespace.name}`);
	return found;
}

/** `ip address show dev NAME`, each as `10.1.2.3/24`, without link-local ones; in the kernel's order. */
export function globalAddresses(namespace: Namespace, name: string): readonly string[] {
	return allAddresses(namespace, name).filter((address) => !address.startsWith("fe80:"));
}

/** The same with link-local ones. */
export function allAddresses(namespace: Namespace, name: string): readonly string[] {
	return json<{ addr_info: { local: string; prefixlen: number }[] }[]>(namespace, `ip -j address show dev ${name}`)
		.flatMap(({ addr_info = [] }) => addr_info)
		.map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

/** A route as `ip -j route` shows it. */
export interface ShownRoute {
	readonly dst: string;
	readonly gateway?: string;
	readonly dev?: string;
	readonly protocol?: string;
	readonly scope?: string;
	readonly metric?: number;
	readonly metrics?: readonly Readonly<Record<string, number>>[];
	readonly prefsrc?: string;
	readonly nexthops?: readonly { readonly gateway: string; readonly dev: string }[];
}

/** `ip route show table TABLE`, both families. */
export function shownRoutes(namespace: Namespace, table = "main"): readonly ShownRoute[] {
	return ["-4", "-6"].flatMap((family) =>
		json<ShownRoute[]>(namespace, `ip -j -d ${family} route show table ${table}`),
	);
}

/** The value of a kernel parameter in the namespace, by its path below /proc/sys. */
export function sysctl(namespace: Namespace, path: string): string {
	return runIn(namespace, ["cat", `/proc/sys/${path}`]).trim();
}

/** Runs a line of shell in the namespace. @throws Error when it fails */
export function shell(namespace: Namespace, line: string): string {
	return runIn(namespace, ["sh", "-ec", line]);
}

function json<T>(namespace: Namespace, command: string): T {
	// A missing table or device is an empty list.
	const { exitCode, stdout } = attemptIn(namespace, command.split(" "));
	return JSON.parse((exitCode === 0 && stdout.trim()) || "[]") as T;
}

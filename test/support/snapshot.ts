import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { type Namespace, runIn } from "./namespace.ts";

/** Everything that a plugin could change, one line a fact; what changes by itself (counters, handles, ages) is left out. */
export type Snapshot = ReadonlySet<string>;

export interface SnapshotOptions {
	/** Folders whose files, with mode and content, belong to the state. */
	readonly directories?: readonly string[];
	/** The folder of what the firewall should hold: its files, but neither folders nor the lock, which stay. */
	readonly firewallRecords?: string;
}

/**
 * Reads links, addresses, routes, rules, permanent neighbours, queueing disciplines, bridge VLANs, forwarding sysctls,
 * the nftables ruleset, and both kinds of iptables in the namespace, the files in `directories`,
 * and the firewall's records.
 */
export function takeSnapshot(
	namespace: Namespace,
	{ directories = [], firewallRecords }: SnapshotOptions = {},
): Snapshot {
	const records = firewallRecords === undefined ? [] : fileLines(firewallRecords);
	return new Set([
		...networkLines(namespace),
		...directories.flatMap(fileLines),
		...records.filter((line) => /^file .*\//.test(line)).map((line) => `firewall record ${line}`),
	]);
}

/** `+ <fact>` for what `after` has more, `- <fact>` for what it lacks, sorted; empty when both are the same. */
export function differences(before: Snapshot, after: Snapshot): string[] {
	const added = [...after.difference(before)].sort().map((line) => `+ ${line}`);
	const removed = [...before.difference(after)].sort().map((line) => `- ${line}`);
	return [...added, ...removed];
}

/** One process for all readers: a snapshot is taken hundreds of times. Each prints a section; one that is missing, none. */
const readers = {
	links: "ip -j -d link show",
	addresses: "ip -j address show",
	routes4: "ip -j -4 route show table all",
	routes6: "ip -j -6 route show table all",
	rules4: "ip -j -4 rule show",
	rules6: "ip -j -6 rule show",
	neighbours: "ip -j neighbour show nud permanent",
	disciplines: "tc -j qdisc show",
	vlans: "bridge -j vlan show",
	sysctls:
		"grep . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding /proc/sys/net/ipv4/conf/all/route_localnet",
	nft: "nft -j list ruleset",
	iptables: "iptables-nft-save; iptables-legacy-save; ip6tables-nft-save; ip6tables-legacy-save",
} as const;

const separator = "\u0001";
const script = Object.values(readers).join(` 2>/dev/null; printf '${separator}'; `);

function networkLines(namespace: Namespace): string[] {
	const sections = runIn(namespace, ["sh", "-c", `{ ${script}; } 2>/dev/null; true`]).split(separator);
	const output = Object.fromEntries(Object.keys(readers).map((name, index) => [name, sections[index] ?? ""]));
	const text = (name: keyof typeof readers) => (output[name] ?? "").trim();
	const list = (name: keyof typeof readers) => JSON.parse(text(name) || "[]") as Entry[];

	const links = list("links").filter(isPresent);
	const kinds = new Map(links.map((link) => [string(link.ifname), kindOf(link)]));
	const device = (name: unknown) => `on ${string(name)} (${kinds.get(string(name)) ?? "?"})`;
	return [
		...links.map(describeLink),
		...list("addresses").flatMap((link) =>
			entries(link.addr_info).map(
				(address) => `address ${address.local}/${address.prefixlen} scope ${address.scope} ${device(link.ifname)}`,
			),
		),
		...[...list("routes4"), ...list("routes6")]
			.filter((route) => !followsByItself(route))
			.map(({ dev, flags: _, expires: __, ...route }) => `route ${stable(route)} ${device(dev)}`),
		...[...list("rules4"), ...list("rules6")].map((rule) => `rule ${stable(rule)}`),
		...list("neighbours").map((neighbour) => `neighbour ${neighbour.dst} ${neighbour.lladdr} ${device(neighbour.dev)}`),
		...list("disciplines").map(
			({ kind, dev, root, parent, options }) => `qdisc ${kind} ${stable({ root, parent, options })} ${device(dev)}`,
		),
		...list("vlans").flatMap((port) =>
			entries(port.vlans).map((vlan) => `vlan ${stable(vlan)} ${device(port.ifname)}`),
		),
		...lines(text("sysctls")).map((line) => `sysctl ${line}`),
		...nftLines(text("nft")),
		...iptablesLines(text("iptables")),
	];
}

type Entry = Readonly<Record<string, unknown>>;

/** iproute2 prints an empty object for what a filter left out. */
function isPresent(entry: Entry): boolean {
	return Object.keys(entry).length > 0;
}

/**
 * Routes of link-local addresses and multicast come seconds later, when duplicate address detection has ended; anycast
 * routes come and go with the forwarding sysctl, which is a line of its own.
 */
function followsByItself({ dst, protocol, type }: Entry): boolean {
	return protocol === "kernel" && (type === "anycast" || /^(fe80|ff00):/.test(string(dst)));
}

function kindOf(link: Entry): string {
	return string((link.linkinfo as Entry | undefined)?.info_kind ?? link.link_type);
}

/** Flags that tell of the other end or of a moment, not of what somebody configured. */
const volatileFlags = new Set(["LOWER_UP", "NO-CARRIER", "M-DOWN"]);

function describeLink(link: Entry): string {
	const flags = (link.flags as string[]).filter((flag) => !volatileFlags.has(flag));
	const master = link.master === undefined ? "" : ` master ${link.master}`;
	const alias = link.ifalias === undefined ? "" : ` alias ${link.ifalias}`;
	return `link ${link.ifname} (${kindOf(link)}) mac ${link.address} mtu ${link.mtu}${master}${alias} ${flags.join(",")}`;
}

function nftLines(ruleset: string): string[] {
	if (ruleset === "") return [];
	const { nftables } = JSON.parse(ruleset) as { nftables: Record<string, Entry>[] };
	return nftables
		.flatMap((object) => Object.entries(object))
		.filter(([what]) => what !== "metainfo")
		.map(([what, { handle: _, family, table, chain, name, ...rest }]) => {
			const place = [family, table, chain, name].filter((part) => part !== undefined).join(" ");
			return `nft ${what} ${place} ${stable(withoutCounters(rest))}`;
		});
}

function withoutCounters(value: unknown): unknown {
	return JSON.parse(JSON.stringify(value, (key, inner) => (key === "packets" || key === "bytes" ? undefined : inner)));
}

function iptablesLines(saved: string): string[] {
	let table = "";
	return lines(saved).flatMap((line) => {
		if (line.startsWith("#") || line === "COMMIT") return [];
		if (line.startsWith("*")) table = line.slice(1);
		return [`iptables ${table} ${line.replace(/ ?\[\d+:\d+\] ?/, "")}`];
	});
}

function fileLines(directory: string): string[] {
	let names: string[];
	try {
		names = readdirSync(directory, { recursive: true, encoding: "utf8" });
	} catch {
		return [];
	}
	return [
		`directory ${directory}`,
		...names.map((name) => {
			const path = join(directory, name);
			const status = statSync(path);
			if (status.isDirectory()) return `directory ${relative(directory, path)}`;
			const mode = (status.mode & 0o7777).toString(8);
			return `file ${name} mode ${mode} ${JSON.stringify(readFileSync(path, "utf8"))}`;
		}),
	];
}

function stable(value: unknown): string {
	return JSON.stringify(value);
}

function entries(value: unknown): Entry[] {
	return Array.isArray(value) ? value.filter(isPresent) : [];
}

function lines(text: string): string[] {
	return text.split("\n").filter((line) => line !== "");
}

function string(value: unknown): string {
	return String(value);
}

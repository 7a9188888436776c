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

/**
 * Run in the namespace; prints a section for each kind of thing, empty where a program is missing. Snapshots are taken by
 * the thousand, and what they cost is to start programs: one `ip` reads all that it can, and what needs something else to
 * be there is not looked for without that.
 */
const script = `
exec 2>/dev/null
show() { printf '%s\\n' "$1"; }
next() { printf '\\001'; }
links=$(
	ip -j -d -batch - <<-END
		address show
		route show table all
		rule show
		neighbour show nud permanent
	END
)
show "$links"
next; ip -j -6 rule show
next; tc -j qdisc show
next; case $links in *'"info_kind":"bridge"'*) bridge -j vlan show ;; esac
next; for name in ipv4/ip_forward ipv6/conf/all/forwarding ipv4/conf/all/route_localnet; do
	# One byte, which is all there is: the kernel gives the rest to nobody who reads so little at a time.
	value=; read -r value </proc/sys/net/$name; show "/proc/sys/net/$name:$value"
done
next; nft=$(nft -j list ruleset); show "$nft"
next; case $nft in *'"family": "ip"'*) iptables-nft-save ;; esac
read -r table </proc/net/ip_tables_names && iptables-legacy-save
case $nft in *'"family": "ip6"'*) ip6tables-nft-save ;; esac
read -r table </proc/net/ip6_tables_names && ip6tables-legacy-save
true`;

function networkLines(namespace: Namespace): string[] {
	const output = runIn(namespace, ["sh", "-c", script]).split("\u0001");
	const [ip = "", rules6 = "", disciplines = "", vlans = "", sysctls = "", nft = "", iptables = ""] = output;
	const [links = [], routes = [], rules4 = [], neighbours = []] = lines(ip).map(list);

	const kinds = new Map(links.map((link) => [string(link.ifname), kindOf(link)]));
	const device = (name: unknown) => `on ${string(name)} (${kinds.get(string(name)) ?? "?"})`;
	return [
		...links.map(describeLink),
		...links.flatMap((link) =>
			entries(link.addr_info)
				.filter((address) => !isLinkLocal(address))
				.map(
					(address) => `address ${address.local}/${address.prefixlen} scope ${address.scope} ${device(link.ifname)}`,
				),
		),
		...routes
			.filter((route) => !followsByItself(route))
			.map(({ dev, flags: _, expires: __, ...route }) => `route ${stable(route)} ${device(dev)}`),
		...[...rules4, ...list(rules6)].map((rule) => `rule ${stable(rule)}`),
		...neighbours.map((neighbour) => `neighbour ${neighbour.dst} ${neighbour.lladdr} ${device(neighbour.dev)}`),
		...list(disciplines).map(
			({ kind, dev, root, parent, options }) => `qdisc ${kind} ${stable({ root, parent, options })} ${device(dev)}`,
		),
		...list(vlans).flatMap((port) => entries(port.vlans).map((vlan) => `vlan ${stable(vlan)} ${device(port.ifname)}`)),
		...lines(sysctls).map((line) => `sysctl ${line}`),
		...nftLines(nft.trim()),
		...iptablesLines(iptables),
	];
}

function list(text: string): Entry[] {
	return (JSON.parse(text.trim() || "[]") as Entry[]).filter(isPresent);
}

type Entry = Readonly<Record<string, unknown>>;

/** iproute2 prints an empty object for what a filter left out. */
function isPresent(entry: Entry): boolean {
	return Object.keys(entry).length > 0;
}

/**
 * Link-local addresses and the routes of addresses come a moment or seconds later, when duplicate address detection has
 * ended; anycast routes come and go with the forwarding sysctl, which is a line of its own.
 */
function followsByItself({ dst, protocol, type }: Entry): boolean {
	if (protocol !== "kernel") return false;
	return type === "anycast" || (type === "local" && string(dst).includes(":")) || /^(fe80|ff00):/.test(string(dst));
}

function isLinkLocal({ local }: Entry): boolean {
	return string(local).startsWith("fe80:");
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

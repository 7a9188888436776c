import { execFileSync } from "node:child_process";
import { mkdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { attempt, jsonIn, runIn } from "../support/namespace.ts";
import { readKernel } from "../support/netlink-oracle.ts";
import { httpGet, ping, serve, udpAsk } from "../support/traffic.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";

describe("a world", () => {
	it("has a host namespace that is not the machine's", () => {
		using world = createWorld();
		const inside = runIn(world.host, ["readlink", "/proc/self/ns/net"]).trim();
		expect(inside).toMatch(/^net:/);
		expect(inside).not.toBe(readlinkSync("/proc/self/ns/net"));
	});

	it("takes its namespaces and folder away", () => {
		const world = createWorld();
		const { name } = world.container();
		mkdirSync(world.dataDir);
		world.dispose();
		expect(execFileSync("ip", ["netns", "list"], { encoding: "utf8" })).not.toContain(name);
		expect(attempt(["ls", world.directory]).exitCode).not.toBe(0);
	});

	it("reports no leftovers when nothing was changed", () => {
		using world = createWorld();
		connect(world);
		runIn(world.host, ["ip", "link", "del", "left"]);
		expect(leftovers(world)).toEqual([]);
	});
});

describe("leftovers names", () => {
	const setsNft = "add table inet t; add chain inet t c; add rule inet t c counter accept";
	const cases: [string, string, RegExp][] = [
		["a link", "ip link add left type veth peer name right", /^\+ link left \(veth\)/],
		["an address", "ip address add 192.0.2.1/24 dev lo", /^\+ address 192\.0\.2\.1\/24 scope global on lo/],
		["an IPv6 address", "ip address add 2001:db8::1/64 dev lo nodad", /^\+ address 2001:db8::1\/64/],
		["a route", "ip route add 198.51.100.0/24 dev lo table 100", /^\+ route \{.*"dst":"198\.51\.100\.0\/24"/],
		["a rule", "ip rule add from 192.0.2.1 table 100", /^\+ rule .*192\.0\.2\.1/],
		[
			"a neighbour",
			"ip link add v0 type veth peer name v1; ip link set v0 up; ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:01 dev v0",
			/^\+ neighbour 192\.0\.2\.9/,
		],
		[
			"a sysctl",
			"sysctl -qw net.ipv4.ip_forward=1 || echo 1 > /proc/sys/net/ipv4/ip_forward",
			/^\+ sysctl .*ip_forward/,
		],
		["a queueing discipline", "tc qdisc add dev lo root tbf rate 1mbit burst 4k latency 1ms", /^\+ qdisc tbf/],
		["an nftables rule", `nft '${setsNft}'`, /^\+ nft rule inet t c /],
		["a rule of iptables (nft)", "iptables-nft -t nat -A POSTROUTING -j MASQUERADE", /^\+ iptables nat -A POSTROUTING/],
		["a rule of iptables (legacy)", "iptables-legacy -t nat -A POSTROUTING -j MASQUERADE", /^\+ iptables nat -A POSTR/],
		["a rule of ip6tables", "ip6tables-legacy -A FORWARD -j DROP", /^\+ iptables filter -A FORWARD -j DROP/],
	];

	it.each(cases)("%s", (_what, command, line) => {
		using world = createWorld();
		runIn(world.host, ["sh", "-c", command]);
		expect(leftovers(world)).toContainEqual(expect.stringMatching(line));
	});

	it("a file, its content and its mode", () => {
		using world = createWorld();
		mkdirSync(join(world.dataDir, "net"), { recursive: true });
		writeFileSync(join(world.dataDir, "net", "10.0.0.2"), "id\r\neth0", { mode: 0o600 });
		expect(leftovers(world)).toContain('+ file net/10.0.0.2 mode 600 "id\\r\\neth0"');
	});

	it("what is missing", () => {
		using world = createWorld();
		connect(world);
		const since = snapshotOf(world);
		runIn(world.host, ["ip", "address", "flush", "dev", "left"]);
		expect(leftovers(world, { since })).toContainEqual(expect.stringMatching(/^- address 192\.0\.2\.1\/24/));
	});

	it("nothing that only counts or ages", () => {
		using world = createWorld();
		const container = connect(world);
		runIn(world.host, ["nft", setsNft]);
		const since = snapshotOf(world);
		expect(ping(world.host, "192.0.2.2")).toBe(true);
		expect(ping(container, "192.0.2.1")).toBe(true);
		expect(leftovers(world, { since })).toEqual([]);
	});
});

describe("traffic", () => {
	it("answers over HTTP and UDP, and tells who asked", async () => {
		using world = createWorld();
		const container = connect(world);
		await using _http = await serve(container, { port: 80 });
		await using _udp = await serve(container, { protocol: "udp", port: 53 });
		expect(httpGet(world.host, "http://192.0.2.2/")).toBe("192.0.2.1");
		expect(udpAsk(world.host, { address: "192.0.2.2", port: 53 })).toBe("192.0.2.1");
	});

	it("gives no answer where nobody listens", () => {
		using world = createWorld();
		connect(world);
		expect(ping(world.host, "192.0.2.3", { timeoutSeconds: 1 })).toBe(false);
		expect(httpGet(world.host, "http://192.0.2.2/")).toBeUndefined();
		expect(udpAsk(world.host, { address: "192.0.2.2", port: 53, timeoutMs: 200 })).toBeUndefined();
	});
});

describe("the netlink package", () => {
	it("sees what ip shows", () => {
		using world = createWorld();
		connect(world);
		const view = readKernel(world.host);
		const shown = jsonIn<{ ifname: string; ifindex: number; mtu: number }[]>(world.host, ["ip", "-j", "link"]);
		expect(view.links.map(({ ifname, index, mtu }) => ({ ifname, ifindex: index, mtu }))).toEqual(
			shown.map(({ ifname, ifindex, mtu }) => ({ ifname, ifindex, mtu })),
		);
		expect(view.addresses).toContainEqual(expect.objectContaining({ address: "c0000201", prefixlen: 24 }));
		expect(view.routes).toContainEqual(expect.objectContaining({ dst: "c0000200", dstLen: 24 }));
	});
});

/** Connects a container with the host by a veth pair: 192.0.2.1 here, 192.0.2.2 there. */
function connect(world: World) {
	const container = world.container();
	const { host } = world;
	runIn(host, ["ip", "link", "add", "left", "type", "veth", "peer", "name", "right", "netns", container.name]);
	for (const [namespace, device, address] of [
		[host, "left", "192.0.2.1/24"],
		[container, "right", "192.0.2.2/24"],
	] as const) {
		runIn(namespace, ["ip", "address", "add", address, "dev", device]);
		runIn(namespace, ["ip", "link", "set", device, "up"]);
	}
	return container;
}

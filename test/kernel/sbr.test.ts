import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { jsonIn, type Namespace, runIn } from "../support/namespace.ts";
import { tools } from "../support/paths.ts";
import { type Command, mustRunPlugin, type PluginCall, runPlugin } from "../support/run-plugin.ts";
import { itUnless } from "../support/skip.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { ping, pingAll } from "../support/traffic.ts";
import { createWorld, type World } from "../support/world.ts";
import type { Config } from "./bridge-network.ts";

const itWithStock = itUnless(
	existsSync(join(tools, "sbr")) ? undefined : "the stock plugins are missing: bin/setup --stock",
);

const script = (namespace: Namespace, lines: readonly string[]) => runIn(namespace, ["sh", "-ec", lines.join("\n")]);

/** A container with two interfaces, as in the reference's tests; `net1` is what sbr is called for. */
function twoInterfaces(world: World, more: readonly string[] = ["ip route add 192.168.2.0/24 via 192.168.1.2"]) {
	const container = world.container();
	script(container, [
		...["eth0", "net1"].flatMap((name) => [
			`ip link add ${name} type veth peer name ${name}-peer`,
			`ip link set ${name} up`,
			`ip link set ${name}-peer up`,
		]),
		"ip address add 10.0.0.2/24 dev eth0",
		"ip address add 192.168.1.209/24 dev net1",
		"ip route add 10.2.0.0/24 via 10.0.0.5",
		"ip route add default via 10.0.0.1",
		...more,
	]);
	return container;
}

const one = { address: "192.168.1.209/24", gateway: "192.168.1.1", interface: 0 };

function caller(world: World, container: Namespace) {
	const config = (settings: Config = {}, ips: readonly object[] = [one]) => ({
		cniVersion: "0.3.0",
		name: "n1",
		type: "sbr",
		dataDir: join(world.directory, "sbr"),
		prevResult: {
			cniVersion: "0.3.0",
			interfaces: [{ name: "net1", sandbox: container.path }],
			ips: ips.map((ip) => ({ version: JSON.stringify(ip).includes("::") ? "6" : "4", ...ip })),
		},
		...settings,
	});
	const call = (command: Command, settings: Config, more: Partial<PluginCall> = {}) => ({
		world,
		type: "sbr",
		command,
		netns: container,
		ifName: "net1",
		config: settings,
		...more,
	});
	return {
		config,
		run: (command: Command, settings: Config = config(), more?: Partial<PluginCall>) =>
			runPlugin(call(command, settings, more)),
		must: (command: Command, settings: Config = config(), more?: Partial<PluginCall>) =>
			mustRunPlugin<Config>(call(command, settings, more)),
	};
}

interface ShownRoute {
	readonly dst: string;
	readonly dev?: string;
	readonly gateway?: string;
	readonly prefsrc?: string;
	readonly scope?: string;
}

/** Routes of a table, but for link-local ones, as `ip route` writes them. */
function routesIn(container: Namespace, table: number | "main"): string[] {
	const shown = ["-4", "-6"].flatMap((family) =>
		table === "main" || tablesOf(container, family).includes(table)
			? jsonIn<ShownRoute[]>(container, ["ip", "-j", family, "route", "show", "table", String(table)])
			: [],
	);
	return shown
		.filter(({ dst }) => !dst.startsWith("fe80:") && !dst.startsWith("ff00:"))
		.map(({ dst, dev, gateway, prefsrc }) =>
			[dst, ...(gateway ? ["via", gateway] : []), dev, ...(prefsrc ? ["src", prefsrc] : [])].join(" "),
		);
}

function tablesOf(container: Namespace, family: string): number[] {
	const all = jsonIn<{ table?: string }[]>(container, ["ip", "-j", "-N", family, "route", "show", "table", "all"]);
	return all.map(({ table }) => Number(table));
}

/** `source→table` of all rules that look for a source, in their order. */
function rulesOf(container: Namespace): string[] {
	return ["-4", "-6"].flatMap((family) =>
		jsonIn<{ src: string; table: string }[]>(container, ["ip", "-j", family, "rule", "show"])
			.filter(({ src }) => src !== "all")
			.map(({ src, table }) => `${src}→${table}`),
	);
}

const ofEth0 = ["default via 10.0.0.1 eth0", "10.0.0.0/24 eth0 src 10.0.0.2", "10.2.0.0/24 via 10.0.0.5 eth0"];
const ofNet1 = ["192.168.1.0/24 net1 src 192.168.1.209", "192.168.2.0/24 via 192.168.1.2 net1"];

describe("sbr ADD", () => {
	it("moves the routes of the interface to a table that packets from its address look in", () => {
		using world = createWorld();
		const container = twoInterfaces(world);
		const before = takeSnapshot(container);
		const { must, config } = caller(world, container);
		expect(must("ADD")).toMatchObject({ cniVersion: "0.3.0", ips: [{ address: one.address, gateway: one.gateway }] });
		expect(routesIn(container, "main")).toEqual(ofEth0);
		expect(routesIn(container, 100)).toEqual(["default via 192.168.1.1 net1", ...ofNet1]);
		expect(rulesOf(container)).toEqual(["192.168.1.209→100"]);
		must("DEL", { ...config(), prevResult: undefined });
		expect([...takeSnapshot(container).symmetricDifference(before)]).toEqual([]);
	});

	it("has one default route where the interface had it before", () => {
		using world = createWorld();
		const container = twoInterfaces(world, ["ip route replace default via 192.168.1.1"]);
		const { must } = caller(world, container);
		must("ADD");
		expect(routesIn(container, 100)).toEqual(["default via 192.168.1.1 net1", ofNet1[0]]);
		expect(routesIn(container, "main").filter((line) => line.includes("net1"))).toEqual([]);
	});

	it("gives each address a table, also one whose interface the result does not tell", () => {
		using world = createWorld();
		const container = twoInterfaces(world, [
			"ip address add 192.168.101.209/24 dev net1",
			"ip route add 192.168.2.0/24 via 192.168.1.2",
			"ip route add 192.168.202.0/24 via 192.168.101.2",
			"ip route add 192.168.99.0/24 dev net1",
		]);
		const { must, config } = caller(world, container);
		must("ADD", config({}, [one, { address: "192.168.101.209/24", gateway: "192.168.101.1", interface: 1 }]));
		expect(rulesOf(container)).toEqual(["192.168.101.209→101", "192.168.1.209→100"]);
		expect(routesIn(container, 100).sort()).toEqual(
			["default via 192.168.1.1 net1", ...ofNet1, "192.168.99.0/24 net1"].sort(),
		);
		expect(routesIn(container, 101).sort()).toEqual([
			"192.168.101.0/24 net1 src 192.168.101.209",
			"192.168.202.0/24 via 192.168.101.2 net1",
			"192.168.99.0/24 net1",
			"default via 192.168.101.1 net1",
		]);
		expect(routesIn(container, "main").filter((line) => line.includes("net1"))).toEqual([]);
	});

	it.each<[string, Config, readonly object[], Record<string, readonly string[]>, readonly string[]]>([
		[
			"gateways take the place of the result's",
			{ gateways: ["192.168.1.254"] },
			[one],
			{ 100: ["default via 192.168.1.254 net1", ...ofNet1] },
			["192.168.1.209→100"],
		],
		[
			"gateways of IPv6",
			{ gateways: ["fd00::1"] },
			[{ address: "fd00::10/64", gateway: "fd00::ffff", interface: 0 }],
			{ 100: ["fd00::/64 net1", "default via fd00::1 net1"] },
			["fd00::10→100"],
		],
		[
			"gateways of both families",
			{ gateways: ["192.168.1.254", "fd00::1"] },
			[one, { address: "fd00::10/64", interface: 0 }],
			{
				100: ["default via 192.168.1.254 net1", ...ofNet1],
				101: ["fd00::/64 net1", "default via fd00::1 net1"],
			},
			["192.168.1.209→100", "fd00::10→101"],
		],
		[
			"addSourceHints keeps the network in main",
			{ addSourceHints: true },
			[one],
			{
				main: [...ofEth0, ofNet1[0] ?? "", "fd00::/64 net1"],
				100: ["default via 192.168.1.1 net1", ...ofNet1],
			},
			["192.168.1.209→100"],
		],
	])("%s", (_, settings, ips, routes, rules) => {
		using world = createWorld();
		const container = twoInterfaces(world, [
			"ip route add 192.168.2.0/24 via 192.168.1.2",
			"ip address add fd00::10/64 dev net1 nodad",
		]);
		const before = takeSnapshot(container);
		const { must, config } = caller(world, container);
		must("ADD", config(settings, ips));
		for (const [table, expected] of Object.entries(routes)) {
			expect(routesIn(container, table === "main" ? "main" : Number(table))).toEqual(expected);
		}
		expect(rulesOf(container)).toEqual(rules);
		must("DEL", config(settings, ips));
		expect([...takeSnapshot(container).symmetricDifference(before)]).toEqual([]);
	});

	it("leaves every route as it is with a table of the operator's", () => {
		using world = createWorld();
		const container = twoInterfaces(world, ["ip address add 192.168.101.209/24 dev net1"]);
		const { must, config } = caller(world, container);
		const before = [routesIn(container, "main"), routesIn(container, 5000)];
		must("ADD", config({ table: 5000 }, [{ address: one.address, interface: 0 }, { address: "192.168.101.209/24" }]));
		expect([routesIn(container, "main"), routesIn(container, 5000)]).toEqual(before);
		expect(rulesOf(container)).toEqual(["192.168.101.209→5000", "192.168.1.209→5000"]);
		must("DEL", config({ table: 5000 }));
		expect(rulesOf(container)).toEqual([]);
	});

	it("passes tables by that have a rule or a route", () => {
		using world = createWorld();
		const container = twoInterfaces(world, [
			"ip rule add from 10.0.0.9 lookup 100",
			"ip -6 rule add from fd00::9 lookup 101",
			"ip route add 10.7.0.0/16 dev eth0 table 102",
			"ip route add blackhole 10.8.0.0/16 table 103",
		]);
		const { must } = caller(world, container);
		must("ADD");
		expect(rulesOf(container)).toContain("192.168.1.209→104");
		must("DEL");
		expect(rulesOf(container)).toEqual(["10.0.0.9→100", "fd00::9→101"]);
		expect(routesIn(container, 102)).toEqual(["10.7.0.0/16 eth0"]);
	});

	it("loses no route: neither one through a gateway outside, nor those of another family or address", () => {
		using world = createWorld();
		const container = twoInterfaces(world, [
			"ip route add 169.254.1.1 dev net1 scope link",
			"ip route add 10.99.0.0/16 via 169.254.1.1 dev net1",
			"ip address add 172.16.0.5/24 dev net1",
			"ip address add fd00::10/64 dev net1 nodad",
		]);
		const { must } = caller(world, container);
		must("ADD");
		expect(routesIn(container, 100)).toEqual([
			"default via 192.168.1.1 net1",
			"10.99.0.0/16 via 169.254.1.1 net1",
			"169.254.1.1 net1",
			ofNet1[0],
		]);
		expect(routesIn(container, "main").filter((line) => line.includes("net1"))).toEqual([
			"172.16.0.0/24 net1 src 172.16.0.5",
			"fd00::/64 net1",
		]);
	});

	it.each<[string, Config, string]>([
		["no prevResult", { cniVersion: "0.2.0", prevResult: undefined }, "This plugin must be called as chained plugin"],
		["two gateways of a family", { gateways: ["192.168.1.1", "192.168.1.254"] }, "multiple IPv4 addresses"],
		["no gateway", { gateways: ["x"] }, "invalid static gateway IP address: x"],
		["a gateway that nobody can reach", { gateways: ["203.0.113.1"] }, "Failed to add default route to 203.0.113.1: "],
		["no address", { prevResult: { cniVersion: "0.3.0" } }, "No IP addresses supplied on interface: net1"],
	])("refuses %s, and changes nothing", (_, settings, message) => {
		using world = createWorld();
		const container = twoInterfaces(world);
		const before = takeSnapshot(container);
		const { run, config } = caller(world, container);
		expect(run("ADD", config(settings)).error?.msg).toContain(message);
		expect([...takeSnapshot(container).symmetricDifference(before)]).toEqual([]);
	});
});

describe("sbr DEL", () => {
	it("makes room for the next ADD, which finds what the first found", () => {
		using world = createWorld();
		const container = twoInterfaces(world);
		const { must } = caller(world, container);
		for (const _ of [1, 2, 3]) {
			must("ADD");
			expect([rulesOf(container), routesIn(container, 100)]).toEqual([
				["192.168.1.209→100"],
				["default via 192.168.1.1 net1", ...ofNet1],
			]);
			must("DEL");
		}
	});

	it("removes the rules when the interface is gone, also by the next ADD", () => {
		using world = createWorld();
		const container = twoInterfaces(world);
		const { must } = caller(world, container);
		const again = () =>
			script(container, [
				"ip link del net1",
				"ip link add net1 type veth peer name net1-peer",
				"ip link set net1-peer up",
				"ip address add 192.168.1.209/24 dev net1",
				"ip link set net1 up",
			]);
		must("ADD");
		again();
		must("ADD");
		expect(rulesOf(container)).toEqual(["192.168.1.209→100"]);
		again();
		must("DEL");
		expect(rulesOf(container)).toEqual([]);
		expect(routesIn(container, "main")).toContain(ofNet1[0]);
	});

	itWithStock("removes what the reference has made, and the reference removes our rules", () => {
		using world = createWorld();
		const container = twoInterfaces(world);
		const { must } = caller(world, container);
		must("ADD", undefined, { cniPath: tools });
		expect(rulesOf(container)).toEqual(["192.168.1.209→100"]);
		must("DEL");
		expect([rulesOf(container), routesIn(container, 100)]).toEqual([[], []]);
		script(container, ["ip route add 192.168.1.0/24 dev net1 src 192.168.1.209"]);
		must("ADD");
		must("DEL", undefined, { cniPath: tools });
		expect(rulesOf(container)).toEqual([]);
	});
});

describe("packets", () => {
	it("go out where their source address belongs, in both families", () => {
		using world = createWorld();
		const container = world.container();
		const far = world.container();
		for (const namespace of [world.host, container, far]) {
			runIn(namespace, ["sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"]);
		}
		// A router that takes no foreign addresses from either network, as routers do.
		script(world.host, [
			"sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
			`ip link add va type veth peer name eth0 netns ${container.name}`,
			`ip link add vb type veth peer name net1 netns ${container.name}`,
			`ip link add vc type veth peer name eth0 netns ${far.name}`,
			...[
				["va", "10.0.0.1/24", "fd0a::1/64"],
				["vb", "192.168.1.1/24", "fd0b::1/64"],
				["vc", "203.0.113.1/24", "fd0c::1/64"],
			].flatMap(([name, v4, v6]) => [
				`ip address add ${v4} dev ${name}`,
				`ip address add ${v6} dev ${name} nodad`,
				`ip link set ${name} up`,
			]),
		]);
		const noForeign = "iifname va ip saddr != 10.0.0.0/24 drop\niifname va ip6 saddr != fd0a::/64 drop";
		runIn(world.host, ["nft", "-f", "-"], {
			input: `table inet cst {\nchain forward {\ntype filter hook forward priority 0\n${noForeign}\n}\n}\n`,
		});
		script(far, [
			"ip address add 203.0.113.2/24 dev eth0; ip address add fd0c::2/64 dev eth0 nodad; ip link set eth0 up",
			"ip route add default via 203.0.113.1; ip route add default via fd0c::1",
		]);
		script(container, [
			"ip address add 10.0.0.2/24 dev eth0; ip address add fd0a::2/64 dev eth0 nodad; ip link set eth0 up",
			"ip address add 192.168.1.2/24 dev net1; ip address add fd0b::2/64 dev net1 nodad; ip link set net1 up",
			"ip route add default via 10.0.0.1; ip route add default via fd0a::1",
		]);
		// Each interface takes up to a second to notice that its wire leads somewhere.
		for (const to of ["10.0.0.2", "192.168.1.2", "fd0a::2", "fd0b::2"]) {
			expect([to, ping(world.host, to, { count: 20 })]).toEqual([to, true]);
		}
		const reached = () => pingAll(far, ["10.0.0.2", "192.168.1.2", "fd0a::2", "fd0b::2"]);
		const { must, config } = caller(world, container);
		const settings = config({ cniVersion: "0.4.0" }, [
			{ address: "192.168.1.2/24", gateway: "192.168.1.1", interface: 0 },
			{ address: "fd0b::2/64", gateway: "fd0b::1", interface: 0 },
		]);
		const call = { ...settings, prevResult: { ...settings.prevResult, cniVersion: "0.4.0" } };
		expect(reached()).toEqual([true, false, true, false]);
		must("ADD", call);
		expect(reached()).toEqual([true, true, true, true]);
		must("CHECK", call);
		must("DEL", call);
		expect(reached()).toEqual([true, false, true, false]);
	});
});

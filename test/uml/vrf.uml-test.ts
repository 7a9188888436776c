import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { type Config, shownLink, shownLinks } from "../kernel/bridge-network.ts";
import { runExample } from "../support/example.ts";
import { attemptIn, jsonIn, type Namespace, runIn } from "../support/namespace.ts";
import { type Command, mustRunPlugin, runPlugin } from "../support/run-plugin.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, keptByContract, leftovers, type World } from "../support/world.ts";

const script = (namespace: Namespace, lines: readonly string[]) => runIn(namespace, ["sh", "-ec", lines.join("\n")]);

/** Interfaces that are up, by name, each with its addresses. */
function containerWith(world: World, interfaces: Readonly<Record<string, readonly string[]>>): Namespace {
	const container = world.container();
	script(container, [
		"sysctl -qw net.ipv6.conf.default.accept_dad=0",
		...Object.entries(interfaces).flatMap(([name, addresses]) => [
			`ip link add ${name} type dummy`,
			`ip link set ${name} up`,
			...addresses.map((address) => `ip address add ${address} dev ${name}`),
		]),
	]);
	return container;
}

function caller(world: World, container: Namespace) {
	const call = (command: Command, ifName: string, settings: Config) => ({
		world,
		type: "vrf",
		command,
		netns: container,
		ifName,
		config: {
			cniVersion: "0.4.0",
			name: "n1",
			type: "vrf",
			dataDir: join(world.directory, "vrf"),
			prevResult: { cniVersion: "0.4.0", interfaces: [{ name: ifName, sandbox: container.path }] },
			...settings,
		},
	});
	return {
		run: (command: Command, ifName: string, settings: Config) => runPlugin(call(command, ifName, settings)),
		must: (command: Command, ifName: string, settings: Config) =>
			mustRunPlugin<Config>(call(command, ifName, settings)),
	};
}

/** Destinations of a VRF's table through an interface, but for link-local ones. */
function destinations(container: Namespace, vrf: string): string[] {
	return ["-4", "-6"].flatMap((family) =>
		jsonIn<{ dst: string; dev: string; type?: string }[]>(container, ["ip", "-j", family, "route", "show", "vrf", vrf])
			.filter(({ dst }) => !/^(fe80|ff00):|^multicast/.test(dst))
			.map(({ dst, dev }) => `${dst} ${dev}`),
	);
}

const tableOf = (container: Namespace, vrf: string) => shownLink(container, vrf).linkinfo?.info_data?.table;
const masterOf = (container: Namespace, name: string) => shownLink(container, name).master;

function addressesOf(container: Namespace, name: string): string[] {
	const [link] = jsonIn<{ addr_info: { local: string; prefixlen: number; scope: string }[] }[]>(container, [
		"ip",
		"-j",
		"address",
		"show",
		"dev",
		name,
	]);
	const addresses = link?.addr_info.filter(({ scope }) => scope === "global") ?? [];
	return addresses.map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

describe("vrf", () => {
	it("takes addresses and routes of the interface along, and no others, and brings all back", () => {
		using world = createWorld();
		const container = containerWith(world, {
			eth0: ["10.0.0.2/24", "abcd:1234:ffff::cdde/64"],
			eth1: ["10.0.0.3/24", "abcd:1234:ffff::cddf/64"],
		});
		script(container, [
			"ip route add 10.10.10.0/24 via 10.0.0.1 dev eth0 src 10.0.0.2",
			"ip -6 route add 1111:dddd::/80 via abcd:1234:ffff::1 dev eth0",
			"ip route add 10.11.10.0/24 via 10.0.0.1 dev eth1 metric 100",
			"ip -6 route add 1111:ddde::/80 via abcd:1234:ffff::1 dev eth1",
		]);
		const before = takeSnapshot(container);
		const { must, run } = caller(world, container);
		// As the reference's tests write it.
		const blue = { vrfName: "blue" };
		expect(must("ADD", "eth1", blue)).toMatchObject({ interfaces: [{ name: "eth1" }] });
		expect([masterOf(container, "eth0"), masterOf(container, "eth1")]).toEqual([undefined, "blue"]);
		expect([tableOf(container, "blue"), addressesOf(container, "eth1")]).toEqual([
			1,
			["10.0.0.3/24", "abcd:1234:ffff::cddf/64"],
		]);
		expect(destinations(container, "blue").sort()).toEqual([
			"10.0.0.0/24 eth1",
			"10.11.10.0/24 eth1",
			"1111:ddde::/80 eth1",
			"abcd:1234:ffff::/64 eth1",
		]);
		must("CHECK", "eth1", blue);
		expect(run("ADD", "eth1", blue).error?.msg).toContain("interface eth1 has already a master set: blue");
		must("DEL", "eth1", blue);
		// The kernel makes the rule for all VRFs with the first, and keeps it.
		const changed = [...takeSnapshot(container).symmetricDifference(before)];
		expect(changed.filter((line) => !line.includes("l3mdev"))).toEqual([]);
	});

	it("gives interfaces of one VRF one table, and removes it with the last", () => {
		using world = createWorld();
		const container = containerWith(world, { eth0: ["10.0.0.2/24"], eth1: ["10.0.0.3/24"], eth2: ["10.0.0.2/24"] });
		script(container, ["ip rule add from 10.7.0.1 lookup 2", "ip route add 10.8.0.0/16 dev eth0 table 3"]);
		const { must, run } = caller(world, container);
		must("ADD", "eth0", { vrfname: "blue" });
		must("ADD", "eth1", { vrfname: "blue" });
		// The same address, in a VRF of its own; tables 2 and 3 are somebody's.
		must("ADD", "eth2", { vrfname: "red" });
		expect([tableOf(container, "blue"), tableOf(container, "red")]).toEqual([1, 4]);
		expect(["eth0", "eth1", "eth2"].map((name) => [masterOf(container, name), addressesOf(container, name)])).toEqual([
			["blue", ["10.0.0.2/24"]],
			["blue", ["10.0.0.3/24"]],
			["red", ["10.0.0.2/24"]],
		]);
		must("DEL", "eth0", { vrfname: "blue" });
		runIn(container, ["ip", "link", "del", "eth0"]);
		expect([masterOf(container, "eth1"), tableOf(container, "blue")]).toEqual(["blue", 1]);
		must("CHECK", "eth1", { vrfname: "blue" });
		// Also when its interface has gone.
		runIn(container, ["ip", "link", "del", "eth1"]);
		must("DEL", "eth1", { vrfname: "blue" });
		expect(shownLinks(container).map(({ ifname }) => ifname)).toEqual(["lo", "eth2", "red"]);
		expect(run("ADD", "eth7", { vrfname: "green" }).error?.msg).toContain("could not get link by name eth7");
		expect(shownLinks(container).map(({ ifname }) => ifname)).toEqual(["lo", "eth2", "red"]);
	});

	it("uses the table that is asked for, also for two, and refuses another", () => {
		using world = createWorld();
		const container = containerWith(world, { eth0: ["10.0.0.2/24"], eth1: ["10.0.0.3/24"], eth2: [] });
		const { must, run } = caller(world, container);
		must("ADD", "eth0", { vrfname: "blue", table: 1001 });
		expect(run("ADD", "eth1", { vrfname: "blue", table: 1002 }).error?.msg).toContain(
			"VRF blue already exist with different routing table 1001",
		);
		must("ADD", "eth1", { vrfname: "blue", table: 1001 });
		must("ADD", "eth2", { vrfname: "red", table: 1001 });
		expect([tableOf(container, "blue"), tableOf(container, "red")]).toEqual([1001, 1001]);
		expect(run("ADD", "eth2", { vrfname: "eth1" }).error?.msg).toContain("Netlink eth1 is not a VRF");
	});

	it("lets GC take out what belongs to no valid attachment, and STATUS say that all is well", () => {
		using world = createWorld();
		const container = containerWith(world, { eth0: ["10.0.0.2/24"] });
		const { must, run } = caller(world, container);
		must("ADD", "eth0", { vrfname: "blue" });
		const settings = { vrfname: "blue", cniVersion: "1.1.0", prevResult: undefined };
		expect(run("GC", "", { ...settings, "cni.dev/valid-attachments": [] }).exitCode).toBe(0);
		expect(shownLinks(container).map(({ ifname }) => ifname)).toEqual(["lo", "eth0"]);
		expect(attemptIn(container, ["ip", "route", "get", "10.0.0.9"]).exitCode).toBe(0);
		must("STATUS", "", settings);
	});

	it("keeps packets of two VRFs apart, though their addresses are the same", () => {
		using world = createWorld();
		const container = world.container();
		const neighbours = ["blue", "red"].map((vrf, index) => {
			const neighbour = world.container();
			const name = `eth${index}`;
			script(container, [`ip link add ${name} type veth peer name eth0 netns ${neighbour.name}`]);
			script(container, [`ip address add 10.0.0.2/24 dev ${name}; ip address add fd00::2/64 dev ${name} nodad`]);
			script(container, [`ip link set ${name} up`]);
			script(neighbour, ["ip address add 10.0.0.1/24 dev eth0; ip address add fd00::1/64 dev eth0 nodad"]);
			script(neighbour, ["ip link set eth0 up"]);
			caller(world, container).must("ADD", name, { vrfname: vrf });
			return neighbour;
		});
		for (const neighbour of neighbours) {
			for (const to of ["10.0.0.2", "fd00::2"]) expect([to, ping(neighbour, to, { count: 5 })]).toEqual([to, true]);
		}
		const ask = (vrf: string, address: string) =>
			attemptIn(container, ["ping", "-c", "1", "-W", "1", "-I", vrf, address]).exitCode;
		expect(["blue", "red"].map((vrf) => ask(vrf, "10.0.0.1"))).toEqual([0, 0]);
		script(neighbours[1] ?? container, ["ip link set eth0 down"]);
		expect(["blue", "red"].map((vrf) => ask(vrf, "10.0.0.1") === 0)).toEqual([true, false]);
	});
});

describe("conf-examples/bridge-vrf.conflist", () => {
	it("works as it stands", () => {
		using world = createWorld();
		const call = { file: "bridge-vrf.conflist", container: world.container() };
		for (const verb of ["add", "status", "check"]) {
			expect(runExample(world, verb, call)).toMatchObject({ exitCode: 0, stderr: "" });
		}
		expect(masterOf(call.container, "eth0")).toBe("blue");
		expect(ping(world.host, "10.73.0.2")).toBe(true);
		for (const _ of [1, 2]) expect(runExample(world, "del", call)).toMatchObject({ exitCode: 0, stderr: "" });
		expect(leftovers(world, { except: [...keptByContract, /^\+ vlan .* on table0 /] })).toEqual([]);
	});
});

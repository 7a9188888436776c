import { describe, expect, it } from "@jest/globals";
import { type Master, makeMaster, masterLines } from "../support/master.ts";
import type { Namespace } from "../support/namespace.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, keptByContract, leftovers, type World } from "../support/world.ts";
import {
	type Attachment,
	attachment,
	type Config,
	globalAddresses,
	hostLocal,
	shell,
	shownLink,
} from "./bridge-network.ts";

const subnets = ["10.1.2.0/24", "fd01:2::/64"];

function network(world: World, config: Config = {}): Config {
	return { cniVersion: "1.1.0", name: "n1", type: "macvlan", ipam: hostLocal(world, subnets), ...config };
}

interface Place {
	readonly config?: Config;
	readonly containerId?: string;
	readonly args?: string;
	readonly netns?: Namespace;
}

function place(world: World, { config, ...call }: Place = {}): Attachment {
	return attachment(world, { type: "macvlan", config: network(world, { master: "card0", ...config }), ...call });
}

/** A world with a master, beyond which another machine has the gateways' addresses. */
function worldWithMaster(): World & { readonly master: Master } {
	const world = createWorld();
	const master = makeMaster(world);
	shell(master.outside, "ip address add 10.1.2.1/24 dev far0; ip address add fd01:2::1/64 dev far0 nodad");
	return Object.assign(world, { master });
}

const addressOf = ({ result }: Attachment, index = 0) => result.ips?.[index]?.address.split("/")[0] ?? "";
const infoOf = (one: Attachment) => shownLink(one.container, "eth0").linkinfo;
const left = (world: World) =>
	leftovers(world, { except: [...keptByContract, ...masterLines, /^[+-] (file|directory) \.cni-suite(\/|$)/] });

describe("ADD", () => {
	it.each([
		["bridge", true],
		["private", false],
		["vepa", false],
	])("in mode %s reaches the network, and other containers: %s", (mode, together) => {
		using world = worldWithMaster();
		const [a, b] = ["a", "b"].map((containerId) => place(world, { containerId, config: { mode } }));
		for (const one of [a, b]) one?.add();
		if (a === undefined || b === undefined) throw new Error("two were made");
		expect(infoOf(a)).toMatchObject({ info_kind: "macvlan", info_data: { mode } });
		for (const gateway of ["10.1.2.1", "fd01:2::1"])
			expect([gateway, ping(a.container, gateway)]).toEqual([gateway, true]);
		expect(ping(a.container, addressOf(b), { timeoutSeconds: 1 })).toBe(together);
		for (const one of [a, b]) {
			one.must("CHECK");
			one.must("DEL");
		}
		expect(left(world)).toEqual([]);
	});

	it("in mode passthru has the master and its hardware address to itself", () => {
		using world = worldWithMaster();
		const one = place(world, { containerId: "one", config: { mode: "passthru" } });
		one.add();
		expect(shownLink(one.container, "eth0").address).toBe(shownLink(world.host, "card0").address);
		expect(ping(one.container, "10.1.2.1")).toBe(true);
		const { error } = place(world, { containerId: "two" }).run("ADD");
		expect(error).toMatchObject({
			msg: expect.stringMatching(/^failed to create macvlan: /),
			details: expect.stringContaining("excludes"),
		});
		one.must("CHECK");
		one.must("DEL");
		expect(left(world)).toEqual([]);
	});

	it("gives what IPAM says under the name that the master itself has, and tells whose it is", () => {
		using world = createWorld();
		makeMaster(world, { name: "eth0" });
		const one = place(world, { config: { master: "eth0", dns: { nameservers: ["10.1.2.1"] } } });
		const result = one.add();
		const link = shownLink(one.container, "eth0");
		expect(result).toEqual({
			cniVersion: "1.1.0",
			interfaces: [{ name: "eth0", mac: link.address, sandbox: one.container.path }],
			ips: [
				{ address: "10.1.2.2/24", gateway: "10.1.2.1", interface: 0 },
				{ address: "fd01:2::2/64", gateway: "fd01:2::1", interface: 0 },
			],
			dns: { nameservers: ["10.1.2.1"] },
		});
		expect(globalAddresses(one.container, "eth0")).toEqual(["10.1.2.2/24", "fd01:2::2/64"]);
		expect(link.ifalias).toBe("net: n1, if: eth0, id: container-1");
		expect(link.link_index).toBe(shownLink(world.host, "eth0").ifindex);
	});

	it("tells the neighbours of an address's former owner", () => {
		using world = worldWithMaster();
		const { outside } = world.master;
		shell(outside, "ip neigh add 10.1.2.2 lladdr 02:00:00:00:00:99 dev far0 nud reachable");
		shell(outside, "ip neigh add fd01:2::2 lladdr 02:00:00:00:00:99 dev far0 nud reachable");
		const one = place(world);
		const [mac] = one.add().interfaces.map((entry) => entry.mac);
		shell(
			outside,
			`for i in 1 2 3 4 5 6 7 8 9 10; do test $(ip neigh | grep -c ${mac}) -ge 2 && exit 0; sleep 0.1; done; ip neigh; exit 1`,
		);
	});

	it.each<[title: string, config: Config, mtu: number]>([
		["the master's", {}, 1400],
		["that of the configuration", { mtu: 1300 }, 1300],
		["0 for the master's", { mtu: 0 }, 1400],
	])("takes as MTU %s", (_title, config, mtu) => {
		using world = createWorld();
		makeMaster(world, { mtu: 1400 });
		const one = place(world, { config });
		one.add();
		expect(shownLink(one.container, "eth0").mtu).toBe(mtu);
	});

	it("takes the hardware address of the runtime, else of CNI_ARGS, else of the configuration", () => {
		using world = worldWithMaster();
		const runtimeConfig = { mac: "02-00-00-00-00-03" };
		const args = "IgnoreUnknown=true;MAC=02:00:00:00:00:02";
		const mac = "0200.0000.0001";
		const cases: readonly (readonly [Place, string])[] = [
			[{ config: { mac } }, "02:00:00:00:00:01"],
			[{ config: { mac }, args }, "02:00:00:00:00:02"],
			[{ config: { mac, RuntimeConfig: runtimeConfig }, args }, "02:00:00:00:00:03"],
			[{ config: { mac: "", mode: "" }, args: "IgnoreUnknown=1;MAC=" }, ""],
		];
		for (const [asked, expected] of cases) {
			const one = place(world, asked);
			one.add();
			const { address } = shownLink(one.container, "eth0");
			expect(one.result.interfaces[0]?.mac).toBe(address);
			if (expected !== "") expect(address).toBe(expected);
			one.must("CHECK");
			one.must("DEL");
		}
	});

	it("gives a passthru link the hardware address asked for, and the master its own again", () => {
		using world = worldWithMaster();
		const before = shownLink(world.host, "card0").address;
		const one = place(world, { config: { mode: "passthru", mac: "02:00:00:00:00:01" } });
		one.add();
		expect(shownLink(one.container, "eth0").address).toBe("02:00:00:00:00:01");
		expect(ping(one.container, "10.1.2.1")).toBe(true);
		one.must("CHECK");
		one.must("DEL");
		expect(shownLink(world.host, "card0").address).toBe(before);
	});

	it.each([undefined, true, false])("finds the master by the default route; linkInContainer: %s", (linkInContainer) => {
		using world = createWorld();
		const container = world.container();
		const { outside } = makeMaster(world, { in: linkInContainer ? container : world.host });
		shell(outside, "ip address add 10.1.2.1/24 dev far0");
		const config = { master: "", linkInContainer };
		const without = place(world, { netns: container, config }).run("ADD").error;
		expect(without).toMatchObject({ msg: "no default route interface found" });
		shell(
			linkInContainer ? container : world.host,
			"ip address add 192.0.0.1/24 dev card0; ip route add default via 192.0.0.254",
		);
		const one = place(world, { netns: container, config });
		one.add();
		expect(infoOf(one)).toMatchObject({ info_kind: "macvlan" });
		expect(ping(container, "10.1.2.1")).toBe(true);
		one.must("CHECK");
		one.must("DEL");
		expect(shell(container, "ip -o link")).not.toContain("eth0");
	});

	it("sets the length of the queue of broadcasts", () => {
		using world = worldWithMaster();
		const one = place(world, { config: { bcqueuelen: 4000 } });
		one.add();
		expect(infoOf(one)).toMatchObject({ info_data: { bcqueuelen: 4000 } });
		one.must("CHECK");
	});

	it("without addresses brings the interface up; the oldest results have no form for it, and what was made stays", () => {
		using world = worldWithMaster();
		const one = place(world, { config: { ipam: {}, cniVersion: "0.2.0", mac: "c2:11:22:33:44:55" } });
		expect(one.run("ADD").error).toMatchObject({ msg: "cannot convert: no valid IP addresses" });
		expect(shownLink(one.container, "eth0")).toMatchObject({ address: "c2:11:22:33:44:55", operstate: "UP" });
		one.must("DEL");
		expect(shell(one.container, "ip -o link")).not.toContain("eth0");
	});

	it("that is refused leaves nothing, not even a reservation", () => {
		using world = worldWithMaster();
		const container = world.container();
		for (const [config, msg, args = ""] of refused) {
			expect([config, place(world, { netns: container, config, args }).run("ADD").error?.msg]).toEqual([config, msg]);
		}
		expect(leftovers(world, { except: masterLines })).toEqual([]);
	});

	it("on a master that is down makes an interface that works as soon as the master does", () => {
		using world = worldWithMaster();
		shell(world.host, "ip link set card0 down");
		const one = place(world);
		one.add();
		shell(world.host, "ip link set card0 up");
		expect(ping(one.container, "10.1.2.1")).toBe(true);
	});
});

const refused: readonly (readonly [config: Config, msg: string, args?: string])[] = [
	[{ mode: "source" }, 'unknown macvlan mode: "source"'],
	[{ master: "m".repeat(300) }, `failed to lookup master "${"m".repeat(300)}": Link not found`],
	[{ master: "no-such" }, 'failed to lookup master "no-such": Link not found'],
	[{ mtu: 1501 }, "invalid MTU 1501, must be [0, master MTU(1500)]"],
	[{ mtu: -100 }, "invalid MTU -100, must be [0, master MTU(1500)]"],
	[{ mac: "x" }, "invalid args x for MAC addr: address x: invalid MAC address"],
	[
		{ mac: "01:00:00:00:00:01" },
		"invalid args 01:00:00:00:00:01 for MAC addr: address 01:00:00:00:00:01: invalid MAC address",
	],
	[{ bcqueuelen: -1 }, 'failed to load netconf: "bcqueuelen" must be an integer of 0 or more, not the number -1'],
	[{ bcqueuelen: 2 ** 32 }, "invalid bcqueuelen 4294967296"],
	[{}, 'ARGS: unknown args ["X=1"]', "X=1"],
];

describe("DEL", () => {
	it("takes away what is left when the master is gone and nothing in the configuration is right any more", () => {
		using world = worldWithMaster();
		const one = place(world);
		one.add();
		shell(world.host, "ip link del card0");
		one.must("DEL", {
			config: network(world, { master: 7, mode: "?", mtu: "x", bcqueuelen: -1, mac: "x", prevResult: 3 }),
			args: "junk",
		});
		expect(left(world).filter((line) => line.startsWith("+"))).toEqual([]);
	});
});

describe("STATUS", () => {
	it("fails when there is no such master, or none could be found", () => {
		using world = worldWithMaster();
		const status = (config: Config) => place(world, { config }).run("STATUS", { netns: undefined });
		expect(status({}).exitCode).toBe(0);
		expect(status({ master: "no-such" }).error).toMatchObject({ code: 50, msg: expect.stringContaining("no-such") });
		expect(status({ master: "" }).error).toMatchObject({ code: 50, msg: "no default route interface found" });
		expect(status({ mtu: 9000 }).error).toMatchObject({ code: 50 });
		expect(status({ master: "no-such", linkInContainer: true }).exitCode).toBe(0);
		expect(status({ mode: "x" }).error).toMatchObject({ code: 7 });
	});
});

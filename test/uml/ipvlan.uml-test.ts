import { describe, expect, it } from "@jest/globals";
import { type Attachment, hostLocal, shell, shownLink } from "../kernel/bridge-network.ts";
import { makeMaster } from "../support/master.ts";
import { ping } from "../support/traffic.ts";
import { createWorld } from "../support/world.ts";
import { describeCheck, describeContract, describeDel, describeStatus, left, onMaster } from "./on-master.ts";

describeContract("ipvlan", { keys: { mode: "l2" } });

const ipvlan = onMaster("ipvlan");
const { network, place } = ipvlan;

const addressOf = ({ result }: Attachment, index = 0) => result.ips?.[index]?.address.split("/")[0] ?? "";

describe("ADD", () => {
	it.each([
		["l2", false],
		["l2", true],
		["l3", false],
		["l3s", false],
	])("in mode %s reaches other containers and the network; linkInContainer: %s", (mode, linkInContainer) => {
		using world = createWorld();
		const container = world.container();
		// The master has the name that the container's interface gets, where it can.
		const master = linkInContainer ? "card0" : "eth0";
		const lower = linkInContainer ? container : world.host;
		const { outside } = makeMaster(world, { name: master, in: lower });
		shell(outside, "ip address add 10.1.2.1/24 dev far0; ip address add fd01:2::1/64 dev far0 nodad");
		shell(outside, "ip neigh add 10.1.2.2 lladdr 02:00:00:00:00:99 dev far0 nud reachable");
		const one = place(world, { netns: container, containerId: "one", config: { mode, master, linkInContainer } });
		const result = one.add();
		const link = shownLink(container, "eth0");
		expect(link).toMatchObject({
			ifalias: "net: n1, if: eth0, id: one",
			address: shownLink(lower, master).address,
			mtu: 1500,
			linkinfo: { info_kind: "ipvlan", info_data: { mode } },
		});
		expect(result).toMatchObject({
			interfaces: [{ name: "eth0", mac: link.address, sandbox: container.path }],
			ips: [
				{ address: "10.1.2.2/24", interface: 0 },
				{ address: "fd01:2::2/64", interface: 0 },
			],
		});
		if (mode === "l2") {
			expect(shell(outside, "ip neigh show 10.1.2.2 dev far0")).toContain(link.address);
			for (const gateway of ["10.1.2.1", "fd01:2::1"])
				expect([gateway, ping(container, gateway)]).toEqual([gateway, true]);
		}
		if (!linkInContainer) {
			const two = place(world, { containerId: "two", config: { mode, master } });
			two.add();
			// On this slow kernel the other end may take the first packets before its addresses are in force.
			expect(ping(container, addressOf(two), { count: 5 })).toBe(true);
			expect(ping(container, addressOf(two, 1), { count: 5 })).toBe(true);
			two.must("CHECK");
			two.must("DEL");
		}
		one.must("CHECK");
		for (const _ of [1, 2]) one.must("DEL");
		expect(shell(container, "ip -o link")).not.toContain("eth0");
		expect(left(world)).toEqual([]);
	});

	it("takes master, addresses and routes from the plugin before it", () => {
		using world = createWorld();
		const { outside } = makeMaster(world);
		shell(outside, "ip address add 10.1.2.1/24 dev far0");
		const before = {
			cniVersion: "1.0.0",
			interfaces: [{ name: "card0" }],
			ips: [{ version: "4", address: "10.1.2.2/24", gateway: "10.1.2.1", interface: 0 }],
			routes: [{ dst: "0.0.0.0/0" }],
		};
		const chained = { cniVersion: "1.0.0", master: "", ipam: {} };
		const one = place(world, { config: { ...chained, prevResult: before } });
		const result = one.add();
		expect(result).toMatchObject({
			interfaces: [{ name: "eth0", sandbox: one.container.path }],
			ips: [{ address: "10.1.2.2/24", gateway: "10.1.2.1", interface: 0 }],
			routes: [{ dst: "0.0.0.0/0" }],
		});
		expect(ping(one.container, "10.1.2.1")).toBe(true);
		one.must("CHECK");
		one.must("DEL");

		const card = { name: "card0" };
		for (const [config, msg] of [
			[{ ...before, interfaces: [] }, "chained master failure. PrevResult lacks a single named interface"],
			[{ ...before, interfaces: [card, card] }, "chained master failure. PrevResult lacks a single named interface"],
			[{ ...before, ips: [] }, "no plugin name provided"],
		] as const) {
			const { error } = place(world, { netns: one.container, config: { ...chained, prevResult: config } }).run("ADD");
			expect([config, error?.msg]).toEqual([config, msg]);
		}
		expect(left(world)).toEqual([]);
	});

	it("finds the master by the default route, and refuses what cannot be before anything is done", () => {
		using world = createWorld();
		makeMaster(world, { mtu: 1400 });
		const container = world.container();
		for (const [config, msg] of [
			[{ master: "" }, "no default route interface found"],
			[{ master: "no-such" }, 'failed to lookup master "no-such": Link not found'],
			[{ mode: "l4" }, 'unknown ipvlan mode: "l4"'],
			[{ mtu: 1500 }, "invalid MTU 1500, must be [0, master MTU(1400)]"],
			[{ ipam: {} }, "no plugin name provided"],
		] as const) {
			expect([config, place(world, { netns: container, config }).run("ADD").error?.msg]).toEqual([config, msg]);
		}
		expect(left(world)).toEqual([]);
		shell(world.host, "ip address add 192.0.0.1/24 dev card0; ip route add default via 192.0.0.254");
		const one = place(world, { netns: container, config: { master: "", mtu: 1300 } });
		one.add();
		expect(shownLink(container, "eth0")).toMatchObject({ mtu: 1300, linkinfo: { info_kind: "ipvlan" } });
		one.must("CHECK");
		expect(one.run("ADD").error).toMatchObject({ msg: "failed to create ipvlan: file exists" });
		one.must("CHECK");
		one.must("STATUS", { netns: undefined, config: network(world, { master: "", ipam: {} }) });
		one.must("DEL");
	});

	it("that fails leaves nothing: beside a macvlan, with a route that leads nowhere, with an address that is taken", () => {
		using world = createWorld();
		makeMaster(world);
		const container = world.container();
		const routes = [{ dst: "10.9.0.0/16", gw: "192.0.2.1" }];
		const nowhere = { ipam: hostLocal(world, ["10.1.2.0/24"], { routes }) };
		expect(place(world, { netns: container, config: nowhere }).run("ADD").error?.msg).toMatch(/^failed to add route/);
		const fixed = { ipam: { type: "static", addresses: [{ address: "10.1.2.9/24" }] } };
		const one = place(world, { containerId: "one", config: fixed });
		one.add();
		expect(place(world, { netns: container, config: fixed }).run("ADD").error?.msg).toContain(
			'failed to add IP addr 10.1.2.9/24 to "eth0": address already in use',
		);
		one.must("DEL");
		shell(world.host, "ip link add link card0 name mv0 type macvlan");
		expect(place(world, { netns: container }).run("ADD").error).toMatchObject({
			msg: expect.stringMatching(/^failed to create ipvlan: /),
			details: expect.stringContaining("card0"),
		});
		shell(world.host, "ip link del mv0");
		expect(shell(container, "ip -o link")).not.toContain("eth0");
		expect(left(world)).toEqual([]);
	});
});

describeCheck(ipvlan, {
	mutations: [
		["ip link set eth0 type ipvlan mode l3", /^Container IPVlan mode l3 does not match expected value: l2/],
		["ip link del eth0; ip link add eth0 type dummy; ip link set eth0 up", /not of type ipvlan|container Mac/],
	],
});

describeDel(ipvlan, { broken: { mode: "?" } });
describeStatus(ipvlan, { unusable: { mode: "l4" } });

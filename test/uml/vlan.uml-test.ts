import { describe, expect, it } from "@jest/globals";
import { globalAddresses, hostLocal, shell, shownLink } from "../kernel/bridge-network.ts";
import { makeMaster } from "../support/master.ts";
import type { Namespace } from "../support/namespace.ts";
import { ping } from "../support/traffic.ts";
import { createWorld } from "../support/world.ts";
import { describeCheck, describeContract, describeDel, describeStatus, left, onMaster } from "./on-master.ts";

// A master has each VLAN once.
describeContract("vlan", { keys: { vlanId: 33 }, perContainer: (id) => ({ vlanId: id === "two" ? 34 : 33 }) });

const vlan = onMaster("vlan", { keys: { vlanId: 33 }, ipam: { routes: [{ dst: "0.0.0.0/0" }] } });
const { place } = vlan;

/** Beyond the master there is a gateway in VLAN 33, and another machine of the same address without VLAN. */
function makeGateway(outside: Namespace): void {
	shell(
		outside,
		"ip link add link far0 name far0.33 type vlan id 33; ip link set far0.33 up;" +
			"ip address add 10.1.2.1/24 dev far0.33; ip address add fd01:2::1/64 dev far0.33 nodad",
	);
}

describe("ADD", () => {
	it.each([false, true])(
		"reaches what is in the VLAN, and tells its neighbours; linkInContainer: %s",
		(linkInContainer) => {
			using world = createWorld();
			const container = world.container();
			// The master has the name that the container's interface gets, where it can.
			const name = linkInContainer ? "card0" : "eth0";
			const { outside } = makeMaster(world, { name, in: linkInContainer ? container : world.host });
			makeGateway(outside);
			shell(outside, "ip neigh add 10.1.2.2 lladdr 02:00:00:00:00:99 dev far0.33 nud reachable");
			const one = place(world, { netns: container, config: { master: name, linkInContainer } });
			const result = one.add();
			const link = shownLink(container, "eth0");
			expect(link).toMatchObject({
				flags: expect.arrayContaining(["UP"]),
				mtu: 1500,
				ifalias: "net: n1, if: eth0, id: container-1",
				linkinfo: { info_kind: "vlan", info_data: { id: 33, protocol: "802.1Q" } },
			});
			expect(result).toMatchObject({
				interfaces: [{ name: "eth0", mac: link.address, sandbox: container.path }],
				ips: [
					{ address: "10.1.2.2/24", interface: 0 },
					{ address: "fd01:2::2/64", interface: 0 },
				],
			});
			expect(globalAddresses(container, "eth0")).toEqual(["10.1.2.2/24", "fd01:2::2/64"]);
			expect(shell(outside, "ip neigh show 10.1.2.2 dev far0.33")).toContain(link.address);
			for (const gateway of ["10.1.2.1", "fd01:2::1"])
				expect([gateway, ping(container, gateway)]).toEqual([gateway, true]);
			one.must("CHECK");
			for (const _ of [1, 2]) one.must("DEL");
			expect(shell(container, "ip -o link")).not.toContain("eth0");
			expect(left(world)).toEqual([]);
		},
	);

	it("keeps VLANs apart", () => {
		using world = createWorld();
		const { outside } = makeMaster(world);
		makeGateway(outside);
		const one = place(world, { config: { vlanId: 34 } });
		one.add();
		expect(ping(one.container, "10.1.2.1", { timeoutSeconds: 1 })).toBe(false);
	});

	it("takes ids from 0 to 4094 and MTUs up to the master's, and refuses others before anything is done", () => {
		using world = createWorld();
		makeMaster(world, { mtu: 1400 });
		const container = world.container();
		for (const [config, shown] of [
			[{ vlanId: 0 }, { mtu: 1400, linkinfo: { info_data: { id: 0 } } }],
			[
				{ vlanId: 4094, mtu: 1300 },
				{ mtu: 1300, linkinfo: { info_data: { id: 4094 } } },
			],
		] as const) {
			const one = place(world, { netns: container, config });
			one.add();
			expect(shownLink(container, "eth0")).toMatchObject(shown);
			one.must("CHECK");
			one.must("DEL");
		}
		for (const [config, msg] of [
			[{ vlanId: -1 }, "invalid VLAN ID -1 (must be between 0 and 4094 inclusive)"],
			[{ vlanId: 4095 }, "invalid VLAN ID 4095 (must be between 0 and 4094 inclusive)"],
			[{ vlanId: "7" }, 'failed to load netconf: "vlanId" must be an integer, not the string "7"'],
			[{ mtu: 1401 }, "invalid MTU 1401, must be [0, master MTU(1400)]"],
			[{ mtu: -100 }, "invalid MTU -100, must be [0, master MTU(1400)]"],
			[{ master: "" }, '"master" field is required. It specifies the host interface name to create the VLAN for'],
			[{ master: "no-such" }, 'failed to lookup master "no-such": Link not found'],
			[{ ipam: {} }, "no plugin name provided"],
		] as const) {
			expect([config, place(world, { netns: container, config }).run("ADD").error?.msg]).toEqual([config, msg]);
		}
		expect(shell(container, "ip -o link")).not.toContain("eth0");
		expect(left(world)).toEqual([]);
	});

	it("that fails because the master is down, the VLAN is taken or a route leads nowhere leaves nothing", () => {
		using world = createWorld();
		makeMaster(world);
		const first = place(world, { containerId: "first" });
		first.add();
		const taken = place(world, { containerId: "taken" });
		expect(taken.run("ADD").error).toMatchObject({
			msg: expect.stringMatching(/^failed to create vlan: file exists/),
			details: 'Master "card0" has the same already, on the host or in another container',
		});
		const again = first.run("ADD").error;
		expect(again).toMatchObject({
			msg: "failed to create vlan: file exists",
			details: expect.stringContaining("DEL it"),
		});
		first.must("CHECK");
		first.must("DEL");
		const routes = [{ dst: "10.9.0.0/16", gw: "192.0.2.1" }];
		const container = world.container();
		const nowhere = { ipam: hostLocal(world, ["10.1.2.0/24"], { routes }) };
		expect(place(world, { netns: container, config: nowhere }).run("ADD").error?.msg).toMatch(/^failed to add route/);
		shell(world.host, "ip link set card0 down");
		expect(place(world, { netns: container }).run("ADD").error).toMatchObject({
			msg: 'failed to set "eth0" UP: network is down',
			details: 'The master "card0" is down: ip link set card0 up',
		});
		expect(shell(container, "ip -o link")).not.toContain("eth0");
		expect(left(world)).toEqual([]);
	});
});

describeCheck(vlan, {
	config: { mtu: 1400 },
	mutations: [
		["ip link set eth0 address 02:00:00:00:00:99", /doesn't match container Mac: 02:00:00:00:00:99/],
		["ip link set eth0 mtu 1300", /^Interface eth0 has MTU 1300, and the configuration says 1400/],
		["ip route del default", /^Expected Route 0\.0\.0\.0\/0/],
		["ip link del eth0; ip link add eth0 type dummy; ip link set eth0 up", /not of type vlan/],
	],
});

describe("CHECK", () => {
	it("says when the interface is in another VLAN", () => {
		using world = createWorld();
		makeMaster(world);
		const one = place(world, { config: { ipam: hostLocal(world, ["10.1.3.0/24"]) } });
		one.add();
		shell(one.container, "ip link del eth0");
		shell(world.host, `ip link add link card0 name eth0 netns ${one.container.name} type vlan id 34`);
		shell(one.container, "ip address add 10.1.3.2/24 dev eth0; ip link set eth0 up");
		expect(one.run("CHECK").error?.msg).toBe("Interface eth0 is in VLAN 34, and the configuration says 33");
		one.must("DEL");
	});
});

describeDel(vlan, { broken: { vlanId: 9999 } });
describeStatus(vlan, { unusable: { ipam: {} } });

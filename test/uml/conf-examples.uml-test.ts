import { describe, expect, it } from "@jest/globals";
import { globalAddresses, shownLink } from "../kernel/bridge-network.ts";
import { runExample } from "../support/example.ts";
import { makeMaster, masterLines } from "../support/master.ts";
import { jsonIn, runIn } from "../support/namespace.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, keptByContract, leftovers } from "../support/world.ts";

describe("conf-examples/bridge-vlan.conflist", () => {
	it("works as it stands", () => {
		using world = createWorld();
		const call = { file: "bridge-vlan.conflist", container: world.container() };
		for (const verb of ["add", "status", "check"]) {
			expect(runExample(world, verb, call)).toMatchObject({ exitCode: 0, stderr: "" });
		}
		expect(ping(call.container, "10.100.0.1")).toBe(true);
		const ports = jsonIn<{ ifname: string; vlans: { vlan: number }[] }[]>(world.host, ["bridge", "-j", "vlan", "show"]);
		const containerPort = ports.filter(({ ifname }) => ifname.startsWith("veth"));
		expect(containerPort.map(({ vlans }) => vlans.map(({ vlan }) => vlan))).toEqual([[100], [100]]);

		for (const _ of [1, 2]) expect(runExample(world, "del", call)).toMatchObject({ exitCode: 0, stderr: "" });
		expect(leftovers(world, { except: keptWithVlans })).toEqual([]);
	});
});

describe("conf-examples on top of eth0", () => {
	it.each([
		["vlan.conflist", "10.55.0", "vlan55"],
		["ipvlan.conflist", "10.56.0", "far0"],
	])("%s works as it stands", (file, network, gateway) => {
		using world = createWorld();
		const { outside } = makeMaster(world, { name: "eth0" });
		runIn(outside, "ip link add link far0 name vlan55 up type vlan id 55".split(" "));
		runIn(outside, ["ip", "address", "add", `${network}.1/16`, "dev", gateway]);
		const call = { file, container: world.container() };
		for (const verb of ["add", "status", "check"]) {
			expect(runExample(world, verb, call)).toMatchObject({ exitCode: 0, stderr: "" });
		}
		expect(ping(call.container, `${network}.1`)).toBe(true);
		for (const _ of [1, 2]) expect(runExample(world, "del", call)).toMatchObject({ exitCode: 0, stderr: "" });
		expect(leftovers(world, { except: [...keptByContract, ...masterLines] })).toEqual([]);
	});
});

describe("conf-examples/dummy.conflist", () => {
	it("works as it stands", () => {
		using world = createWorld();
		const call = { file: "dummy.conflist", container: world.container() };
		for (const verb of ["add", "status", "check"]) {
			expect(runExample(world, verb, call)).toMatchObject({ exitCode: 0, stderr: "" });
		}
		expect(shownLink(call.container, "eth0").linkinfo?.info_kind).toBe("dummy");
		expect([...globalAddresses(call.container, "eth0")].sort()).toEqual(["10.38.0.1/32", "fd00:10:38::1/128"]);
		for (const _ of [1, 2]) expect(runExample(world, "del", call)).toMatchObject({ exitCode: 0, stderr: "" });
		expect(leftovers(world)).toEqual([]);
	});
});

/** The gateway of the VLAN is a veth pair between host and bridge, and stays with the bridge. */
const keptWithVlans = [
	...keptByContract,
	/^\+ (link|address|route|qdisc|vlan) .*tenants0/,
	/^\+ (link|address|route|qdisc|vlan) .*\bveth/,
];

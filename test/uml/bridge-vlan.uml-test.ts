import { describe, expect, it } from "@jest/globals";
import {
	type Attachment,
	allAddresses,
	attachment,
	bridgeNetwork,
	type Config,
	globalAddresses,
	kept,
	shell,
	shownLink,
	shownLinks,
} from "../kernel/bridge-network.ts";
import { jsonIn } from "../support/namespace.ts";
import { runPluginAsync } from "../support/run-plugin.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";

/** The VLANs of a port as `bridge vlan show` has them: the id, with `u` where untagged and `p` where primary. */
function vlansOf(world: World, port: string): string[] {
	const ports = jsonIn<{ ifname: string; vlans: { vlan: number; flags?: string[] }[] }[]>(world.host, [
		"bridge",
		"-j",
		"vlan",
		"show",
	]);
	const vlans = ports.find(({ ifname }) => ifname === port)?.vlans ?? [];
	return vlans.map(({ vlan, flags = [] }) => {
		return `${vlan}${flags.includes("Egress Untagged") ? "u" : ""}${flags.includes("PVID") ? "p" : ""}`;
	});
}

const filters = (world: World) => shownLink(world.host, "br0").linkinfo?.info_data?.vlan_filtering;

/** The gateway of a VLAN stays as the bridge does; and the other end of its veth pair, which has a name by chance. */
const keptHere = [
	...kept,
	/^\+ (link|address|route|qdisc|vlan) .*(br0|veth[0-9a-f]{8}) \((bridge|veth)\)/,
	/\bbr0\.\d+ \(veth\)/,
];

const trunk = [{ id: 101 }, { minID: 200, maxID: 210 }];
const trunkIds = [101, 200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210].map(String);

describe("ADD without addresses", () => {
	// Of each case its own attachment on one bridge: making worlds is slow on this kernel.
	it.each<[title: string, cases: readonly (readonly [config: Config, vlans: readonly string[]])[]]>([
		[
			"vlan",
			[
				[{ vlan: 100 }, ["100up"]],
				[{ vlan: 100, preserveDefaultVlan: true }, ["1u", "100up"]],
				[{ vlan: 1 }, ["1up"]],
				[{ vlan: 4094 }, ["4094up"]],
			],
		],
		[
			"vlanTrunk",
			[
				[{ vlanTrunk: trunk }, ["1up", ...trunkIds]],
				[{ vlanTrunk: trunk, preserveDefaultVlan: true }, ["1up", ...trunkIds]],
				[{ vlanTrunk: [] }, ["1up"]],
				[{ vlanTrunk: [null, {}] }, ["1up"]],
			],
		],
		[
			"vlan and vlanTrunk",
			[
				[{ vlan: 100, vlanTrunk: trunk }, ["100up", ...trunkIds]],
				[{ vlan: 101, vlanTrunk: trunk }, ["101up", ...trunkIds.slice(1)]],
			],
		],
	])("%s", (_title, cases) => {
		using world = createWorld();
		for (const [config, vlans] of cases) {
			const containerId = `c${cases.findIndex(([other]) => other === config)}`;
			const one = attachment(world, { config: bridgeNetwork(world, { subnets: [], config }), containerId });
			expect(one.add().interfaces).toHaveLength(3);
			expect(filters(world)).toBe(1);
			expect(vlansOf(world, one.port)).toEqual(vlans);
			one.must("CHECK");
			one.must("DEL");
		}
		expect(shownLinks(world.host).map(({ ifname }) => ifname)).toEqual(["lo", "br0"]);
	});

	it("vlan 0 is none", () => {
		using world = createWorld();
		const one = attachment(world, { config: bridgeNetwork(world, { subnets: [], config: { vlan: 0 } }) });
		one.add();
		expect(filters(world)).toBe(0);
	});

	it("switches filtering on where a bridge is there without it, and its ports stay in VLAN 1", () => {
		using world = createWorld();
		const plain = attachment(world, { config: bridgeNetwork(world, { subnets: [] }), containerId: "plain" });
		plain.add();
		expect(filters(world)).toBe(0);
		const config = bridgeNetwork(world, { subnets: [], config: { vlan: 100 } });
		const one = attachment(world, { config, containerId: "one" });
		one.add();
		expect(filters(world)).toBe(1);
		expect(vlansOf(world, plain.port)).toEqual(["1up"]);
		for (const each of [plain, one]) each.must("CHECK");
	});
});

describe("ADD in a VLAN with gateway has it on an interface of its own", () => {
	it.each<[title: string, subnets: readonly string[], gateways: readonly string[], preserveDefaultVlan: boolean]>([
		["IPv4", ["10.1.2.0/24"], ["10.1.2.1/24"], false],
		["IPv6", ["2001:db8::/64"], ["2001:db8::1/64"], false],
		["dual stack", ["192.168.0.0/24", "fd00::/64"], ["192.168.0.1/24", "fd00::1/64"], false],
		["dual stack, preserveDefaultVlan", ["192.168.0.0/24", "fd00::/64"], ["192.168.0.1/24", "fd00::1/64"], true],
		[
			"three ranges",
			["192.168.0.0/24", "fd00::/64", "2001:db8::/64"],
			["192.168.0.1/24", "fd00::1/64", "2001:db8::1/64"],
			false,
		],
	])("%s", (_title, subnets, gateways, preserveDefaultVlan) => {
		using world = createWorld();
		const config = bridgeNetwork(world, {
			subnets,
			config: { vlan: 100, isDefaultGateway: true, preserveDefaultVlan },
		});
		const one = attachment(world, { config });
		const { interfaces } = one.add();
		const gateway = shownLink(world.host, "br0.100");
		expect(interfaces.map(({ name }) => name)).toEqual(["br0", one.port, "eth0", "br0.100"]);
		expect(interfaces[3]).toEqual({ name: "br0.100", mac: gateway.address });
		expect(shownLinks(world.host)).toHaveLength(5);
		expect(gateway.operstate).toBe("UP");
		expect([...globalAddresses(world.host, "br0.100")].sort()).toEqual([...gateways].sort());
		expect(globalAddresses(world.host, "br0")).toEqual([]);
		expect(allAddresses(one.container, "eth0")).toHaveLength(subnets.length + 1);

		const port = shownLinks(world.host).find(({ ifindex }) => ifindex === gateway.ifindex - 1);
		expect(port).toMatchObject({ master: "br0", ifname: expect.stringMatching(/^veth[0-9a-f]{8}$/) });
		const expected = preserveDefaultVlan ? ["1u", "100up"] : ["100up"];
		expect(vlansOf(world, port?.ifname ?? "")).toEqual(expected);
		expect(vlansOf(world, one.port)).toEqual(expected);
		for (const address of gateways) {
			expect(ping(one.container, address.split("/")[0] ?? "", { timeoutSeconds: 1 })).toBe(true);
		}
		one.must("CHECK");

		const second = attachment(world, { config, containerId: "second" });
		second.add();
		expect(shownLink(world.host, "br0.100").ifindex).toBe(gateway.ifindex);
		const [address = ""] = second.result.ips?.[0]?.address.split("/") ?? [];
		expect(ping(one.container, address, { timeoutSeconds: 1 })).toBe(true);
		expect(ping(world.host, address, { timeoutSeconds: 1 })).toBe(true);
		for (const each of [one, second]) each.must("DEL");
		expect(leftovers(world, { except: keptHere })).toEqual([]);
		expect(shownLinks(world.host)).toHaveLength(4);
	});
});

describe("VLANs", () => {
	/** A container in a network of its own VLAN; addresses are given by hand, all in one subnet. */
	function place(world: World, { address, config }: { address: string; config: Config }): Attachment {
		const network = bridgeNetwork(world, { subnets: [], config });
		const one = attachment(world, { config: network, containerId: `c-${address}` });
		one.add();
		shell(one.container, `ip address add ${address}/24 dev eth0`);
		return one;
	}

	it("are apart from each other, and one is one", () => {
		using world = createWorld();
		const a = place(world, { address: "192.0.2.1", config: { vlan: 100 } });
		place(world, { address: "192.0.2.2", config: { vlan: 100 } });
		place(world, { address: "192.0.2.3", config: { vlan: 200 } });
		place(world, { address: "192.0.2.4", config: {} });
		expect(ping(a.container, "192.0.2.2")).toBe(true);
		expect(ping(a.container, "192.0.2.3", { timeoutSeconds: 1 })).toBe(false);
		expect(ping(a.container, "192.0.2.4", { timeoutSeconds: 1 })).toBe(false);
	});

	it("of a trunk reach the container with their tags", () => {
		using world = createWorld();
		const router = attachment(world, {
			config: bridgeNetwork(world, { subnets: [], config: { vlan: 100, vlanTrunk: trunk } }),
			containerId: "router",
		});
		router.add();
		const tagged = (id: number) =>
			`ip link add link eth0 name eth0.${id} type vlan id ${id}; ip link set eth0.${id} up; ip address add 192.0.${id}.1/24 dev eth0.${id}`;
		shell(router.container, `${tagged(101)}; ${tagged(205)}; ${tagged(211)}; ip address add 192.0.100.1/24 dev eth0`);
		for (const [vlan, reached] of [
			[100, true],
			[101, true],
			[205, true],
			[211, false],
		] as const) {
			const one = place(world, { address: `192.0.${vlan}.2`, config: { vlan } });
			expect([vlan, ping(one.container, `192.0.${vlan}.1`, { timeoutSeconds: 1 })]).toEqual([vlan, reached]);
		}
	});

	it("with gateways are routed by the host", () => {
		using world = createWorld();
		const [a, b] = [100, 200].map((vlan) => {
			const config = { name: `n${vlan}`, vlan, isDefaultGateway: true };
			const one = attachment(world, { config: bridgeNetwork(world, { subnets: [`10.1.${vlan}.0/24`], config }) });
			one.add();
			return one;
		});
		expect(ping(a?.container ?? world.host, "10.1.200.2", { timeoutSeconds: 1 })).toBe(true);
		for (const one of [a, b]) one?.must("CHECK");
	});
});

describe("CHECK after one change of what is in a VLAN names it", () => {
	it("and is well again once it is undone", () => {
		using world = createWorld();
		const config = bridgeNetwork(world, { config: { vlan: 100, vlanTrunk: trunk, isDefaultGateway: true } });
		const one = attachment(world, { config });
		one.add();
		one.must("CHECK");
		const { ifindex } = shownLink(world.host, "br0.100");
		const gate = shownLinks(world.host).find((link) => link.ifindex === ifindex - 1)?.ifname ?? "";
		const named = (text: string) => text.replaceAll("PORT", one.port).replaceAll("GATE", gate);
		for (const [line, undo, msg] of mutations) {
			shell(world.host, named(line));
			expect([line, one.run("CHECK").error?.msg]).toEqual([line, named(msg)]);
			shell(world.host, named(undo));
			const { exitCode, stdout } = one.run("CHECK");
			expect([undo, exitCode, stdout]).toEqual([undo, 0, ""]);
		}
	});

	it("and the next ADD brings back what the network shares", () => {
		using world = createWorld();
		const config = bridgeNetwork(world, { config: { vlan: 100, isDefaultGateway: true } });
		const one = attachment(world, { config });
		one.add();
		const { ifindex } = shownLink(world.host, "br0.100");
		const gate = shownLinks(world.host).find((link) => link.ifindex === ifindex - 1)?.ifname ?? "";
		const lines = [
			"ip link set br0 type bridge vlan_filtering 0",
			"ip address del 10.1.2.1/24 dev br0.100",
			"ip link set br0.100 down",
			`bridge vlan del dev ${gate} vid 100; bridge vlan add dev ${gate} vid 7 pvid untagged`,
			`ip link set ${gate} down`,
			"ip link del br0.100",
		];
		for (const [index, line] of lines.entries()) {
			shell(world.host, line);
			attachment(world, { config, containerId: `next-${index}` }).add();
			const { exitCode, stdout } = one.run("CHECK");
			expect([line, exitCode, stdout]).toEqual([line, 0, ""]);
		}
	});
});

/** A change, what takes it back, and what CHECK says between. */
const mutations: readonly (readonly [line: string, undo: string, msg: string])[] = [
	[
		"bridge vlan del dev PORT vid 100",
		"bridge vlan add dev PORT vid 100 pvid untagged",
		"Interface PORT lacks VLAN 100",
	],
	["bridge vlan del dev PORT vid 205", "bridge vlan add dev PORT vid 205", "Interface PORT lacks VLAN 205"],
	[
		"bridge vlan add dev PORT vid 100",
		"bridge vlan add dev PORT vid 100 pvid untagged",
		"Interface PORT has VLAN 100 tagged",
	],
	[
		"bridge vlan add dev PORT vid 300",
		"bridge vlan del dev PORT vid 300",
		"Interface PORT has VLAN 300, which is not configured",
	],
	[
		"ip link set br0 type bridge vlan_filtering 0",
		"ip link set br0 type bridge vlan_filtering 1",
		"Bridge interface br0 does not filter VLANs",
	],
	[
		"ip address del 10.1.2.1/24 dev br0.100",
		"ip address add 10.1.2.1/24 dev br0.100",
		"Failed to match gateway addr 10.1.2.1/24 on interface br0.100",
	],
	["ip link set br0.100 down", "ip link set br0.100 up", "Interface br0.100 is down"],
	[
		"ip link set GATE nomaster",
		"ip link set GATE master br0; bridge vlan del dev GATE vid 1; bridge vlan add dev GATE vid 100 pvid untagged",
		"Interface br0.100 does not lead to bridge br0",
	],
	["ip link set GATE down", "ip link set GATE up", "Interface GATE is down"],
	[
		"bridge vlan del dev GATE vid 100; bridge vlan add dev GATE vid 7 pvid untagged",
		"bridge vlan del dev GATE vid 7; bridge vlan add dev GATE vid 100 pvid untagged",
		"Interface GATE lacks VLAN 100",
	],
];

describe("ADD that fails in a VLAN leaves everything as it was", () => {
	it.each<[title: string, host: string, msg: string | RegExp]>([
		[
			"the gateway's name is taken",
			"ip link del br0.100; ip link add br0.100 type dummy",
			'failed to create vlan interface: "br0.100" exists and does not lead to bridge "br0"',
		],
		[
			"a foreign address on the gateway",
			"ip address flush dev br0.100; ip address add 192.0.2.1/24 dev br0.100",
			/"br0\.100" already has an IP address different from 10\.1\.2\.1\/24$/,
		],
	])("%s", (_title, host, msg) => {
		using world = createWorld();
		const config = bridgeNetwork(world, { config: { vlan: 100, isDefaultGateway: true } });
		attachment(world, { config, containerId: "first" }).add();
		shell(world.host, host);
		const since = snapshotOf(world);
		const { error } = attachment(world, { config, containerId: "second" }).run("ADD");
		if (typeof msg === "string") expect(error?.msg).toBe(msg);
		else expect(error?.msg).toMatch(msg);
		const except = [/^[+-] file n1\/last_reserved_ip\.\d+ /, /^[+-] (file|directory) \.cni-suite(\/|$)/];
		expect(leftovers(world, { since, except })).toEqual([]);
	});

	it("a name of the gateway too long for an interface is refused before anything is done", () => {
		using world = createWorld();
		const config = bridgeNetwork(world, { config: { bridge: "bridge-name12", vlan: 100, isGateway: true } });
		const { error } = attachment(world, { config }).run("ADD");
		expect(error?.msg).toContain('could not add "bridge-name12.100"');
		expect(leftovers(world)).toEqual([]);
	});
});

describe("many at once in a VLAN", () => {
	it("share one gateway", async () => {
		using world = createWorld();
		const config = bridgeNetwork(world, { config: { vlan: 100, isDefaultGateway: true } });
		const calls = Array.from({ length: 8 }, (_, index) => {
			const call = { world, type: "bridge", config, netns: world.container(), containerId: `c${index}` };
			return { ...call, timeoutMs: 120_000 };
		});
		const added = await Promise.all(calls.map((call) => runPluginAsync({ ...call, command: "ADD" })));
		expect(added.filter(({ exitCode }) => exitCode !== 0).map(({ stdout }) => stdout)).toEqual([]);
		expect(shownLinks(world.host)).toHaveLength(2 + 2 + calls.length);
		for (const { netns } of calls) expect(ping(netns, "10.1.2.1", { timeoutSeconds: 2 })).toBe(true);
		const deleted = await Promise.all(calls.map((call) => runPluginAsync({ ...call, command: "DEL" })));
		expect(deleted.filter(({ exitCode }) => exitCode !== 0).map(({ stdout }) => stdout)).toEqual([]);
		expect(leftovers(world, { except: keptHere })).toEqual([]);
	}, 240_000);
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "@jest/globals";
import { attempt, enter } from "../support/namespace.ts";
import { readKernel } from "../support/netlink-oracle.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, leftovers } from "../support/world.ts";
import {
	allAddresses,
	attachment,
	bridgeNetwork,
	type Config,
	globalAddresses,
	kept,
	shell,
	shownLink,
	shownLinks,
	shownRoutes,
	sysctl,
} from "./bridge-network.ts";

const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const withInterfaces = versions.slice(2);

const networks: readonly { title: string; subnets: readonly string[]; gateways: readonly string[] }[] = [
	{ title: "IPv4", subnets: ["10.1.2.0/24"], gateways: ["10.1.2.1/24"] },
	{ title: "IPv6", subnets: ["2001:db8::/64"], gateways: ["2001:db8::1/64"] },
	{ title: "dual stack", subnets: ["192.168.0.0/24", "fd00::/64"], gateways: ["192.168.0.1/24", "fd00::1/64"] },
	{
		title: "three ranges",
		subnets: ["192.168.0.0/24", "fd00::/64", "2001:db8::/64"],
		gateways: ["192.168.0.1/24", "fd00::1/64", "2001:db8::1/64"],
	},
];

describe.each(networks)("ADD with addresses, $title", ({ title, subnets, gateways }) => {
	it.each(withInterfaces)("in version %s makes what the result says, and DEL takes it away", (cniVersion) => {
		using world = createWorld();
		const config = bridgeNetwork(world, { subnets, config: { cniVersion, isDefaultGateway: true } });
		const one = attachment(world, { config, containerId: "dummy-0" });
		const { interfaces, ips = [], routes = [] } = one.add();

		const [bridge, port, eth0] = ["br0", one.port]
			.map((name) => shownLink(world.host, name))
			.concat(shownLink(one.container, "eth0"));
		expect(interfaces).toEqual([
			{ name: "br0", mac: bridge?.address },
			{ name: expect.stringMatching(/^veth[0-9a-f]{8}$/), mac: port?.address },
			{ name: "eth0", mac: eth0?.address, sandbox: one.container.path },
		]);
		expect(ips.map((ip) => ip.interface)).toEqual(subnets.map(() => 2));
		expect(ips.map(({ gateway, address }) => `${gateway}/${address.split("/")[1]}`)).toEqual(gateways);

		expect(bridge?.linkinfo?.info_kind).toBe("bridge");
		expect(bridge?.linkinfo?.info_data?.vlan_filtering ?? 0).toBe(0);
		expect(bridge?.promiscuity).toBe(0);
		expect(port).toMatchObject({ master: "br0", operstate: "UP", linkinfo: { info_kind: "veth" } });
		expect(port?.linkinfo?.info_slave_data).toMatchObject({ hairpin: false, isolated: false });
		expect(port?.address).not.toBe(bridge?.address);
		expect(eth0).toMatchObject({ operstate: "UP", linkinfo: { info_kind: "veth" }, link_index: port?.ifindex });
		expect(shownLinks(world.host).map(({ ifname }) => ifname)).toEqual(["lo", "br0", one.port]);

		expect([...globalAddresses(world.host, "br0")].sort()).toEqual([...gateways].sort());
		expect([...globalAddresses(one.container, "eth0")].sort()).toEqual(ips.map(({ address }) => address).sort());
		expect(allAddresses(one.container, "eth0").filter((address) => address.startsWith("fe80:"))).toHaveLength(1);
		expect(allAddresses(world.host, "br0").length).toBeGreaterThan(gateways.length);

		for (const [family, dst] of [
			["4", "0.0.0.0/0"],
			["6", "::/0"],
		] as const) {
			const gateway = ips.find(({ address }) => address.includes(":") === (family === "6"))?.gateway;
			expect(routes.filter((route) => route.dst === dst)).toEqual(gateway === undefined ? [] : [{ dst, gw: gateway }]);
			const shown = shownRoutes(one.container).filter(
				(route) => route.dst === "default" && route.gateway?.includes(":") === (family === "6"),
			);
			expect(shown.map((route) => [route.gateway, route.dev, route.protocol, route.prefsrc])).toEqual(
				gateway === undefined ? [] : [[gateway, "eth0", "boot", undefined]],
			);
		}
		const forwarding = { "4": "net/ipv4/ip_forward", "6": "net/ipv6/conf/all/forwarding" };
		for (const [family, path] of Object.entries(forwarding)) {
			const has = gateways.some((gateway) => gateway.includes(":") === (family === "6"));
			expect([path, sysctl(world.host, path)]).toEqual([path, has ? "1" : "0"]);
		}
		expect(sysctl(world.host, "net/ipv6/conf/br0/accept_ra")).toBe("0");
		expect(sysctl(world.host, `net/ipv6/conf/${one.port}/accept_ra`)).toBe("0");
		expect(sysctl(one.container, "net/ipv4/conf/eth0/arp_notify")).toBe("1");
		expect(sysctl(one.container, "net/ipv6/conf/eth0/accept_dad")).toBe("0");
		if (title !== "IPv4") expect(sysctl(one.container, "net/ipv6/conf/eth0/keep_addr_on_down")).toBe("1");

		if (cniVersion >= "0.4.0") one.must("CHECK");
		else expect(one.run("CHECK").error).toMatchObject({ code: 1, msg: "config version does not allow CHECK" });
		one.must("DEL");
		one.must("DEL");
		expect(shownLinks(one.container).map(({ ifname }) => ifname)).toEqual(["lo"]);
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it.each(versions.slice(0, 2))("in version %s answers with one address per family", (cniVersion) => {
		using world = createWorld();
		const config = bridgeNetwork(world, { subnets, config: { cniVersion, isDefaultGateway: true } });
		const one = attachment(world, { config });
		const outcome = one.run("ADD");
		if (title === "three ranges") {
			const msg = `CNI version ${cniVersion} does not support more than 1 address per family`;
			expect(outcome.error?.msg).toBe(msg);
			// The reference's DEL fails too; ours takes away what there is.
			one.must("DEL");
			expect(leftovers(world, { except: kept })).toEqual([]);
			return;
		}
		expect(outcome.stdout).toContain('"ip":');
		const result = outcome.json as Record<string, { ip: string; gateway: string }>;
		expect(Object.keys(result)).not.toContain("interfaces");
		const addresses = [result.ip4, result.ip6].flatMap((entry) => (entry === undefined ? [] : [entry.ip]));
		expect([...globalAddresses(one.container, "eth0")].sort()).toEqual(addresses.sort());
		expect([...globalAddresses(world.host, "br0")].sort()).toEqual([...gateways].sort());
		one.must("DEL");
		expect(leftovers(world, { except: kept })).toEqual([]);
	});
});

describe("ADD with two addresses of one family", () => {
	it.each(["nftables", "iptables"])("has two gateways, for every container; masquerade in %s", (ipMasqBackend) => {
		using world = createWorld();
		const config = bridgeNetwork(world, {
			subnets: ["10.1.2.0/24", "10.9.9.0/24"],
			config: { isDefaultGateway: true, ipMasq: true, ipMasqBackend },
		});
		const [first, second] = ["c1", "c2"].map((containerId) => attachment(world, { config, containerId }));
		for (const one of [first, second]) {
			one?.add();
			expect([...globalAddresses(world.host, "br0")].sort()).toEqual(["10.1.2.1/24", "10.9.9.1/24"]);
		}
		if (first === undefined) throw new Error("no container");
		expect(globalAddresses(first.container, "eth0")).toEqual(["10.1.2.2/24", "10.9.9.2/24"]);
		for (const address of ["10.1.2.1", "10.9.9.1", "10.1.2.3", "10.9.9.3"]) {
			expect([address, ping(first.container, address)]).toEqual([address, true]);
		}
		for (const one of [first, second]) one?.must("CHECK");
		for (const one of [first, second]) one?.must("DEL");
		const tables = [/^\+ nft (table|chain) ip6? nat( |$)/, /^\+ iptables nat [*:]/];
		expect(leftovers(world, { except: [...kept, ...tables] })).toEqual([]);
	});
});

describe("ADD in a container", () => {
	it("that is named by a process", async () => {
		using world = createWorld();
		const container = world.container();
		const [program = "", ...args] = enter(container, ["sleep", "60"]);
		const holder = spawn(program, args);
		try {
			await once(holder, "spawn");
			while (attempt(["cat", `/proc/${holder.pid}/comm`]).stdout.trim() !== "sleep");
			const netns = { name: container.name, path: `/proc/${holder.pid}/ns/net` };
			const one = attachment(world, { config: bridgeNetwork(world), netns });
			expect(one.add().interfaces[2]?.sandbox).toBe(netns.path);
			one.must("CHECK");
			one.must("DEL");
			expect(leftovers(world, { except: kept })).toEqual([]);
		} finally {
			holder.kill("SIGKILL");
			await once(holder, "close");
		}
	});

	it.each([["10.1.2.0/24"], ["fd00:1::/64"]])("where IPv6 is switched off, with addresses of %s", (subnet) => {
		using world = createWorld();
		const container = world.container();
		shell(container, "for c in all default; do echo 1 >/proc/sys/net/ipv6/conf/$c/disable_ipv6; done");
		const config = bridgeNetwork(world, { subnets: [subnet], config: { isDefaultGateway: true } });
		const one = attachment(world, { config, netns: container });
		const gateway = one.add().ips?.[0]?.gateway ?? "";
		expect(ping(container, gateway, { count: 3 })).toBe(true);
		expect(sysctl(container, "net/ipv6/conf/eth0/disable_ipv6")).toBe(subnet.includes(":") ? "0" : "1");
		one.must("CHECK");
	});

	it("twice, with two interfaces on two networks", () => {
		using world = createWorld();
		const first = attachment(world, { config: bridgeNetwork(world, { config: { isDefaultGateway: true } }) });
		const config = { name: "n2", bridge: "br1", isGateway: true };
		const second = attachment(world, {
			config: bridgeNetwork(world, { subnets: ["10.9.9.0/24"], config }),
			netns: first.container,
			ifName: "a-15-byte-name_",
		});
		for (const one of [first, second]) one.add();
		expect(ping(first.container, "10.1.2.1")).toBe(true);
		expect(ping(first.container, "10.9.9.1")).toBe(true);
		for (const one of [first, second]) one.must("CHECK");
		first.must("DEL");
		second.must("CHECK");
		second.must("DEL");
		expect(leftovers(world, { except: kept }).filter((line) => !/ file n2\/| directory n2/.test(line))).toEqual([]);
	});
});

describe("ADD without addresses", () => {
	it.each(withInterfaces)("in version %s brings the interface up, and DEL takes it away", (cniVersion) => {
		using world = createWorld();
		const one = attachment(world, { config: bridgeNetwork(world, { subnets: [], config: { cniVersion, ipam: {} } }) });
		const result = one.add();
		expect(result.interfaces.map(({ name }) => name)).toEqual(["br0", one.port, "eth0"]);
		expect(result.ips).toBeUndefined();
		expect(result.routes).toBeUndefined();
		expect(shownLink(one.container, "eth0").operstate).toBe("UP");
		expect(globalAddresses(one.container, "eth0")).toEqual([]);
		expect(allAddresses(world.host, "br0")).toHaveLength(1);
		if (cniVersion >= "0.4.0") one.must("CHECK");
		one.must("DEL");
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it.each(versions.slice(0, 2))("in version %s has no result to print, and DEL leaves the bridge", (cniVersion) => {
		using world = createWorld();
		const one = attachment(world, { config: bridgeNetwork(world, { subnets: [], config: { cniVersion } }) });
		expect(one.run("ADD").error?.msg).toBe("cannot convert: no valid IP addresses");
		expect(shownLink(one.container, "eth0").operstate).toBe("UP");
		one.must("DEL");
		expect(shownLinks(world.host).map(({ ifname }) => ifname)).toEqual(["lo", "br0"]);
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it("leaves the container's end down with disableContainerInterface", () => {
		using world = createWorld();
		const config = bridgeNetwork(world, { subnets: [], config: { disableContainerInterface: true } });
		const one = attachment(world, { config });
		expect(one.add().interfaces).toHaveLength(3);
		const eth0 = shownLink(one.container, "eth0");
		expect(eth0.flags).not.toContain("UP");
		expect(eth0.operstate).toBe("DOWN");
		expect(allAddresses(one.container, "eth0")).toEqual([]);
		one.must("CHECK");
		one.must("DEL");
		expect(leftovers(world, { except: kept })).toEqual([]);
	});
});

describe("the keys of the configuration", () => {
	/** What `config` makes of bridge, port and container. */
	function made(config: Config, options: { subnets?: readonly string[]; args?: string } = {}) {
		const world = createWorld();
		try {
			const network = bridgeNetwork(world, { ...(options.subnets && { subnets: options.subnets }), config });
			const one = attachment(world, { config: network, args: options.args ?? "" });
			const result = one.add();
			one.must("CHECK");
			const state = {
				result,
				bridge: shownLink(world.host, result.interfaces[0]?.name ?? ""),
				port: shownLink(world.host, one.port),
				eth0: shownLink(one.container, "eth0"),
				bridgeAddresses: globalAddresses(world.host, result.interfaces[0]?.name ?? ""),
				routes: shownRoutes(one.container),
				forwarding: sysctl(world.host, "net/ipv4/ip_forward"),
			};
			one.must("DEL");
			expect(leftovers(world, { except: kept })).toEqual([]);
			return state;
		} finally {
			world.dispose();
		}
	}

	it("bridge: by default cni0", () => {
		expect(made({ bridge: undefined }).bridge.ifname).toBe("cni0");
	});

	it("none: the bridge has no address, the container no default route, the host does not forward", () => {
		const state = made({});
		expect(state.bridgeAddresses).toEqual([]);
		expect(state.routes.map(({ dst }) => dst)).not.toContain("default");
		expect(state.forwarding).toBe("0");
		// host-local gives a gateway whether or not the bridge plays it.
		expect(state.result.ips?.[0]?.gateway).toBe("10.1.2.1");
	});

	it("isGateway: the bridge has the gateway's address, the container no default route", () => {
		const state = made({ isGateway: true });
		expect(state.bridgeAddresses).toEqual(["10.1.2.1/24"]);
		expect(state.routes.map(({ dst }) => dst)).not.toContain("default");
		expect(state.forwarding).toBe("1");
	});

	it("mtu: of a new bridge and of both ends", () => {
		const state = made({ mtu: 5000 });
		expect([state.bridge.mtu, state.port.mtu, state.eth0.mtu]).toEqual([5000, 5000, 5000]);
	});

	it.each([0, -1])("mtu %i: the kernel's default", (mtu) => {
		const state = made({ mtu });
		expect([state.bridge.mtu, state.port.mtu, state.eth0.mtu]).toEqual([1500, 1500, 1500]);
	});

	it.each([true, false])("hairpinMode %s", (hairpinMode) => {
		expect(made({ hairpinMode }).port.linkinfo?.info_slave_data?.hairpin).toBe(hairpinMode);
	});

	it.each([true, false])("portIsolation %s", (portIsolation) => {
		expect(made({ portIsolation }, { subnets: [] }).port.linkinfo?.info_slave_data?.isolated).toBe(portIsolation);
	});

	it("promiscMode", () => {
		const { bridge } = made({ promiscMode: true });
		expect(bridge.promiscuity).toBe(1);
		expect(bridge.flags).toContain("PROMISC");
	});

	it("the host's end has no queue", () => {
		expect(made({}).port.txqlen ?? 0).toBe(0);
	});

	it("mac: runtimeConfig over args.cni over CNI_ARGS, however the keys are spelled", () => {
		const args = "IgnoreUnknown=1;MAC=02:00:00:00:00:0A;OTHER=x";
		const inArgs = { args: { cni: { mac: "02-00-00-00-00-0b" } } };
		expect(made({}, { args }).eth0.address).toBe("02:00:00:00:00:0a");
		expect(made(inArgs, { args }).eth0.address).toBe("02:00:00:00:00:0b");
		const state = made({ ...inArgs, RuntimeConfig: { MAC: "0200.0000.000c" } }, { args });
		expect(state.eth0.address).toBe("02:00:00:00:00:0c");
		expect(state.result.interfaces[2]?.mac).toBe("02:00:00:00:00:0c");
		expect(state.port.address).not.toBe("02:00:00:00:00:0c");
	});

	it("mac: an empty one asks for nothing", () => {
		const state = made({ runtimeConfig: { mac: "" }, args: { cni: { mac: "" } } }, { args: "IgnoreUnknown=true;MAC=" });
		expect(state.eth0.address).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
	});

	it("keys match without regard to case, null is absent, unknown keys are ignored", () => {
		const state = made({ ISGATEWAY: true, Mtu: null, hairpinmode: true, nonsense: { a: [1] } });
		expect(state.bridgeAddresses).toEqual(["10.1.2.1/24"]);
		expect(state.port.linkinfo?.info_slave_data?.hairpin).toBe(true);
	});

	it("dns: the configuration's once it says anything, else IPAM's", () => {
		using world = createWorld();
		shell(world.host, `printf 'nameserver 192.0.2.0\\nsearch example.com\\n' >${world.directory}/resolv.conf`);
		const ipam = { resolvConf: `${world.directory}/resolv.conf` };
		const dnsWith = (config: Config) => {
			const one = attachment(world, { config: bridgeNetwork(world, { config, ipam }) });
			const { dns } = one.add();
			one.must("DEL");
			return dns;
		};
		const fromIpam = { nameservers: ["192.0.2.0"], search: ["example.com"] };
		expect(dnsWith({})).toEqual(fromIpam);
		expect(dnsWith({ dns: {} })).toEqual(fromIpam);
		expect(dnsWith({ dns: { domain: "" } })).toEqual(fromIpam);
		expect(dnsWith({ dns: { nameservers: ["192.0.2.9"], domain: "d" } })).toEqual({
			nameservers: ["192.0.2.9"],
			domain: "d",
		});
		expect(dnsWith({ dns: { options: [] } })).toBeUndefined();
		expect(dnsWith({ dns: { options: [] }, cniVersion: "0.4.0" })).toEqual({});
	});

	it("isDefaultGateway leaves IPAM's default route, and fills in a gateway that it lacks", () => {
		const one = (routes: readonly Config[]) => {
			using world = createWorld();
			const config = bridgeNetwork(world, { config: { isDefaultGateway: true }, ipam: { routes } });
			const container = attachment(world, { config });
			const result = container.add();
			container.must("CHECK");
			return [result.routes, shownRoutes(container.container).filter(({ dst }) => dst === "default")];
		};
		expect(one([{ dst: "0.0.0.0/0", gw: "10.1.2.7" }])).toEqual([
			[{ dst: "0.0.0.0/0", gw: "10.1.2.7" }],
			[expect.objectContaining({ gateway: "10.1.2.7" })],
		]);
		expect(one([{ dst: "0.0.0.0/0" }])).toEqual([
			[{ dst: "0.0.0.0/0", gw: "10.1.2.1" }],
			[expect.objectContaining({ gateway: "10.1.2.1" })],
		]);
	});
});

describe("routes of IPAM", () => {
	const routes = [
		{ dst: "198.51.100.0/24", gw: "10.1.2.7", mtu: 1300, advmss: 1200, priority: 77 },
		{ dst: "203.0.113.0/24", table: 5000 },
		{ dst: "203.0.113.0/24", gw: "10.1.2.8", table: 200 },
		{ dst: "192.0.2.7/32", scope: 200 },
		{ dst: "2001:db8:9::/48", gw: "fd00::7", mtu: 1280, priority: 55 },
		{ dst: "2001:db8:a::/48" },
		{ dst: "2001:db8:b::/48", table: 5000 },
	];

	it("are programmed with gateway, mtu, advmss, priority, table and scope", () => {
		using world = createWorld();
		const config = bridgeNetwork(world, {
			subnets: ["10.1.2.0/24", "fd00::/64"],
			config: { isGateway: true },
			ipam: { routes },
		});
		const one = attachment(world, { config });
		expect(one.add().routes).toEqual(routes);
		one.must("CHECK");

		const main = shownRoutes(one.container);
		const to = (list: ReturnType<typeof shownRoutes>, dst: string) => list.filter((route) => route.dst === dst);
		expect(to(main, "198.51.100.0/24")).toEqual([
			expect.objectContaining({
				gateway: "10.1.2.7",
				metric: 77,
				metrics: [{ mtu: 1300, advmss: 1200 }],
				protocol: "boot",
			}),
		]);
		expect(to(main, "192.0.2.7")).toEqual([expect.objectContaining({ gateway: "10.1.2.1", scope: "site" })]);
		expect(to(main, "2001:db8:9::/48")).toEqual([
			expect.objectContaining({ gateway: "fd00::7", metric: 55, metrics: [{ mtu: 1280 }] }),
		]);
		expect(to(main, "2001:db8:a::/48")).toEqual([expect.objectContaining({ gateway: "fd00::1" })]);
		expect(to(main, "203.0.113.0/24")).toEqual([]);
		const far = shownRoutes(one.container, "5000");
		expect(to(far, "203.0.113.0/24")).toEqual([expect.objectContaining({ gateway: "10.1.2.1" })]);
		expect(to(far, "2001:db8:b::/48")).toEqual([expect.objectContaining({ gateway: "fd00::1" })]);
		expect(to(shownRoutes(one.container, "200"), "203.0.113.0/24")).toEqual([
			expect.objectContaining({ gateway: "10.1.2.8" }),
		]);
	});

	it("may name one destination twice", () => {
		using world = createWorld();
		const ipam = {
			routes: ["10.1.2.5", "10.1.2.6"]
				.map((gw) => ({ dst: "15.5.6.0/24", gw }))
				.concat(["fd00::5", "fd00::6"].map((gw) => ({ dst: "2001:db8:5::/48", gw }))),
		};
		const config = bridgeNetwork(world, { subnets: ["10.1.2.0/24", "fd00::/64"], ipam });
		const one = attachment(world, { config });
		one.add();
		const gateways = shownRoutes(one.container)
			.filter(({ dst }) => dst === "15.5.6.0/24" || dst === "2001:db8:5::/48")
			.flatMap(({ gateway, nexthops = [] }) => [gateway ?? [], ...nexthops.map((hop) => hop.gateway)].flat());
		expect(gateways.sort()).toEqual(["10.1.2.5", "10.1.2.6", "fd00::5", "fd00::6"]);
		one.must("CHECK");
	});
});

describe("an existing bridge", () => {
	it("is used as it is", () => {
		using world = createWorld();
		shell(world.host, "ip link add br0 mtu 1400 type bridge");
		const { ifindex } = shownLink(world.host, "br0");
		const one = attachment(world, { config: bridgeNetwork(world, { config: { isGateway: true, mtu: 1300 } }) });
		one.add();
		const bridge = shownLink(world.host, "br0");
		expect(bridge.ifindex).toBe(ifindex);
		expect(bridge.flags).toContain("UP");
		expect(shownLink(one.container, "eth0").mtu).toBe(1300);
	});

	it.each([
		["with addresses", ["10.1.2.0/24"], { isGateway: true }, ""],
		["with IPv6 addresses", ["2001:db8::/64"], { isGateway: true }, ""],
		[
			"with the gateway's address given already",
			["10.1.2.0/24"],
			{ isGateway: true },
			"ip address add 10.1.2.1/24 dev br0",
		],
		["without addresses", [], {}, ""],
		[
			"with a port of its own",
			["10.1.2.0/24"],
			{ isGateway: true },
			"ip link add uplink address 02:ff:00:00:00:01 type veth peer name far; ip link set uplink up master br0",
		],
	])("keeps its MAC address over ADD and DEL, %s", (_title, subnets, config, prepare) => {
		using world = createWorld();
		shell(world.host, "ip link add br0 up type bridge");
		if (prepare !== "") shell(world.host, prepare);
		const { address } = shownLink(world.host, "br0");
		const macs: string[] = [];
		const network = bridgeNetwork(world, { subnets, config });
		const attachments = [1, 2, 3].map((number) => attachment(world, { config: network, containerId: `c${number}` }));
		for (const one of attachments) {
			expect(one.add().interfaces[0]?.mac).toBe(address);
			macs.push(shownLink(world.host, "br0").address);
		}
		for (const one of attachments) one.must("CHECK");
		for (const one of attachments) {
			one.must("DEL");
			macs.push(shownLink(world.host, "br0").address);
		}
		expect(new Set(macs)).toEqual(new Set([address]));
	});

	it("of ours keeps its MAC address over ADD and DEL", () => {
		using world = createWorld();
		const network = bridgeNetwork(world, { subnets: [] });
		const [first, second] = ["c1", "c2"].map((containerId) => attachment(world, { config: network, containerId }));
		const mac = first?.add().interfaces[0]?.mac;
		first?.must("DEL");
		expect(second?.add().interfaces[0]?.mac).toBe(mac);
		expect(shownLink(world.host, "br0").address).toBe(mac);
	});

	it.each([
		["IPv4", "10.1.2.0/24", "10.0.0.1/8", "10.1.2.1/24"],
		["another IPv4 network", "10.1.2.0/24", "192.0.2.1/24", "10.1.2.1/24"],
		["overlapping IPv6", "2001:db8:1::/64", "2001:db8:1::1/48", "2001:db8:1::1/64"],
	])("with a foreign address is refused, and taken over with forceAddress: %s", (_title, subnet, foreign, gateway) => {
		using world = createWorld();
		shell(world.host, `ip link add br0 up type bridge; ip address add ${foreign} dev br0 nodad`);
		const since = createSince(world);
		const plain = attachment(world, {
			config: bridgeNetwork(world, { subnets: [subnet], config: { isGateway: true } }),
		});
		const { error } = plain.run("ADD");
		expect(error?.msg).toContain(`"br0" already has an IP address different from ${gateway}`);
		expect(error?.details).toContain(foreign);
		expect(since()).toEqual([]);

		const config = { isGateway: true, forceAddress: true };
		const forced = attachment(world, { config: bridgeNetwork(world, { subnets: [subnet], config }) });
		forced.add();
		expect(globalAddresses(world.host, "br0")).toEqual([gateway]);
		forced.must("CHECK");
	});

	it.each([true, false])("keeps an IPv6 address of another subnet, forceAddress %s", (forceAddress) => {
		using world = createWorld();
		shell(world.host, "ip link add br0 up type bridge; ip address add 2001:db8:1:2::1/64 dev br0 nodad");
		const config = bridgeNetwork(world, { subnets: ["fd00:1234::/64"], config: { isGateway: true, forceAddress } });
		attachment(world, { config }).add();
		expect(globalAddresses(world.host, "br0")).toEqual(["fd00:1234::1/64", "2001:db8:1:2::1/64"]);
	});

	it.each([true, false])(
		"has the gateways of all ranges that a network gives from, forceAddress %s",
		(forceAddress) => {
			using world = createWorld();
			const ipam = { ranges: [[{ subnet: "10.1.2.0/30" }, { subnet: "10.1.3.0/24" }]] };
			const config = bridgeNetwork(world, { ipam, config: { isGateway: true, forceAddress } });
			const attachments = ["c1", "c2"].map((containerId) => attachment(world, { config, containerId }));
			const addresses = attachments.map((one) => one.add().ips?.[0]?.address);
			expect(addresses).toEqual(["10.1.2.2/30", "10.1.3.2/24"]);
			expect(globalAddresses(world.host, "br0").toSorted()).toEqual(["10.1.2.1/30", "10.1.3.1/24"]);
			for (const one of attachments) one.must("CHECK");
		},
	);

	it("that is promiscuous only for a sniffer becomes so for good", () => {
		using world = createWorld();
		shell(world.host, "ip link add br0 up type bridge; ip link add mv0 link br0 type macvlan mode passthru");
		attachment(world, { config: bridgeNetwork(world, { config: { promiscMode: true } }) }).add();
		shell(world.host, "ip link del mv0");
		expect(shownLink(world.host, "br0").promiscuity).toBe(1);
	});

	function createSince(world: ReturnType<typeof createWorld>) {
		const before = leftovers(world);
		return () => leftovers(world, { except: kept.slice(1) }).filter((line) => !before.includes(line));
	}
});

describe("the kernel as the npm package netlink sees it", () => {
	it("has the links, addresses and routes of the result", () => {
		using world = createWorld();
		const config = bridgeNetwork(world, {
			subnets: ["10.1.2.0/24", "fd00::/64"],
			config: { isDefaultGateway: true, mtu: 1400 },
		});
		const one = attachment(world, { config });
		const { interfaces } = one.add();
		const host = readKernel(world.host);
		const container = readKernel(one.container);
		const mac = (index: number) => interfaces[index]?.mac.replaceAll(":", "");
		const bridge = host.links.find(({ ifname }) => ifname === "br0");
		expect(bridge).toMatchObject({ address: mac(0), mtu: 1400 });
		expect(host.links.find(({ ifname }) => ifname === one.port)).toMatchObject({
			address: mac(1),
			master: bridge?.index,
			mtu: 1400,
		});
		const eth0 = container.links.find(({ ifname }) => ifname === "eth0");
		expect(eth0).toMatchObject({ address: mac(2), mtu: 1400 });
		const addresses = (view: typeof host, index: number | undefined) =>
			view.addresses
				.filter((entry) => entry.index === index)
				.map(({ address, prefixlen }) => `${address}/${prefixlen}`);
		const gateway6 = `fd00${"0".repeat(27)}1`;
		expect(addresses(host, bridge?.index)).toEqual(expect.arrayContaining(["0a010201/24", `${gateway6}/64`]));
		expect(addresses(container, eth0?.index)).toEqual(
			expect.arrayContaining(["0a010202/24", `fd00${"0".repeat(27)}2/64`]),
		);
		const defaults = container.routes.filter(
			({ dstLen, table, oif }) => dstLen === 0 && table === 254 && oif === eth0?.index,
		);
		expect(defaults.map(({ gateway }) => gateway).sort()).toEqual(["0a010201", gateway6]);
	});
});

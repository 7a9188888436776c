import { describe, expect, it } from "@jest/globals";
import { type Namespace, runIn } from "../support/namespace.ts";
import { httpGet, ping, serve, udpAsk } from "../support/traffic.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { type Attachment, attachment, bridgeNetwork, type Config, kept, shell, sysctl } from "./bridge-network.ts";

const bothFamilies = ["10.1.2.0/24", "fd00:1::/64"];

/** Containers on one network, `container-1` and so on, and their IPv4 and IPv6 addresses. */
function containers(
	world: World,
	{ count = 2, config, name = "n1" }: { count?: number; config?: Config; name?: string },
) {
	const network = bridgeNetwork(world, { subnets: bothFamilies, config: { isDefaultGateway: true, name, ...config } });
	return Array.from({ length: count }, (_, index) => {
		const one = attachment(world, { config: network, containerId: `${name}-container-${index + 1}` });
		const [ipv4 = "", ipv6 = ""] = (one.add().ips ?? []).map(({ address }) => address.split("/")[0] ?? "");
		return { one, container: one.container, ipv4, ipv6 };
	});
}

/** A machine beyond the host that knows no way back to the containers. */
function outside(world: World): Namespace {
	const namespace = world.container();
	shell(
		world.host,
		`ip link add wan type veth peer name eth0 netns ${namespace.name}
		ip address add 198.51.100.1/24 dev wan; ip address add 2001:db8:ffff::1/64 dev wan nodad; ip link set wan up`,
	);
	shell(
		namespace,
		`ip address add 198.51.100.2/24 dev eth0; ip address add 2001:db8:ffff::2/64 dev eth0 nodad; ip link set eth0 up`,
	);
	return namespace;
}

describe("packets on a bridge network", () => {
	it("go between containers, and between container and host, over ICMP, TCP and UDP, in both families", async () => {
		using world = createWorld();
		const [a, b] = containers(world, {});
		if (a === undefined || b === undefined) throw new Error("no containers");
		// At once: the first packet counts, no waiting for duplicate address detection on either side.
		expect(ping(a.container, "fd00:1::1", { timeoutSeconds: 1 })).toBe(true);
		expect(ping(world.host, b.ipv6, { timeoutSeconds: 1 })).toBe(true);
		expect(ping(a.container, "10.1.2.1", { timeoutSeconds: 1 })).toBe(true);
		for (const [from, to] of [
			[a.container, b.ipv4],
			[b.container, a.ipv6],
			[world.host, a.ipv4],
		] as const) {
			expect(ping(from, to, { timeoutSeconds: 1 })).toBe(true);
		}
		await using _web = await serve(b.container, { port: 80 });
		await using _udp = await serve(b.container, { protocol: "udp", port: 5353 });
		await using _host = await serve(world.host, { port: 81 });
		expect(httpGet(a.container, `http://${b.ipv4}/`)).toBe(a.ipv4);
		expect(httpGet(a.container, `http://[${b.ipv6}]/`)).toBe(a.ipv6);
		expect(httpGet(world.host, `http://${b.ipv4}/`)).toBe("10.1.2.1");
		expect(httpGet(b.container, "http://10.1.2.1:81/")).toBe(b.ipv4);
		expect(udpAsk(a.container, { address: b.ipv6, port: 5353 })).toBe(a.ipv6);
		expect(udpAsk(world.host, { address: b.ipv6, port: 5353 })).toBe("fd00:1::1");
	});

	it("no address is tentative when ADD returns, neither of the container nor of the gateway", () => {
		using world = createWorld();
		const [a] = containers(world, { count: 1 });
		if (a === undefined) throw new Error("no container");
		const flags = "ip -6 address show tentative; ip -6 address show dadfailed";
		expect(shell(a.container, flags)).toBe("");
		expect(shell(world.host, `${flags} | grep fd00 || true`)).not.toContain("fd00");
	});

	it.each([
		["nftables by default", {}],
		["nftables", { ipMasqBackend: "nftables" }],
		["iptables", { ipMasqBackend: "iptables" }],
	])("leave the host with its address, through %s; within the network they keep their own", async (_title, config) => {
		using world = createWorld();
		const beyond = outside(world);
		const since = leftovers(world);
		const [a, b] = containers(world, { config: { ipMasq: true, ...config } });
		if (a === undefined || b === undefined) throw new Error("no containers");
		await using _beyond = await serve(beyond, { port: 80 });
		await using _inside = await serve(b.container, { port: 80 });
		expect(httpGet(a.container, "http://198.51.100.2/")).toBe("198.51.100.1");
		expect(httpGet(a.container, "http://[2001:db8:ffff::2]/")).toBe("2001:db8:ffff::1");
		expect(httpGet(a.container, `http://${b.ipv4}/`)).toBe(a.ipv4);
		expect(httpGet(a.container, `http://[${b.ipv6}]/`)).toBe(a.ipv6);
		a.one.must("CHECK");
		for (const { one } of [a, b]) one.must("DEL");
		// Of iptables' own making; and what the kernel adds, sooner or later, to an interface that is up, of a router.
		const ofKernel = [/^\+ route {"type":"anycast"/, /^\+ (address|route) .*fe80:.*\bwan\b/];
		const others = [/^\+ nft (table|chain) ip6? nat( |$)/, /^\+ iptables nat [*:]/, ...ofKernel];
		expect(leftovers(world, { except: [...kept, ...others] }).filter((line) => !since.includes(line))).toEqual([]);
	});

	it("leave the host with their own address without ipMasq", async () => {
		using world = createWorld();
		const beyond = outside(world);
		const [a] = containers(world, { count: 1 });
		if (a === undefined) throw new Error("no container");
		await using _beyond = await serve(beyond, { port: 80 });
		expect(httpGet(a.container, "http://198.51.100.2/", { timeoutSeconds: 0.5 })).toBeUndefined();
		shell(beyond, "ip route add 10.1.2.0/24 via 198.51.100.1");
		expect(httpGet(a.container, "http://198.51.100.2/")).toBe(a.ipv4);
	});

	it("keep their networks apart where these have bridges of their own, but for routing", () => {
		using world = createWorld();
		const [a] = containers(world, { count: 1 });
		const other = attachment(world, {
			config: bridgeNetwork(world, {
				subnets: ["10.9.9.0/24"],
				config: { name: "n2", bridge: "br1", isDefaultGateway: true },
			}),
			containerId: "other",
		});
		other.add();
		if (a === undefined) throw new Error("no container");
		expect(ping(other.container, a.ipv4, { timeoutSeconds: 1 })).toBe(true);
		shell(world.host, "echo 0 >/proc/sys/net/ipv4/ip_forward");
		expect(ping(other.container, a.ipv4, { timeoutSeconds: 1 })).toBe(false);
	});
});

describe("portIsolation", () => {
	it("keeps containers from each other, and not from the gateway", () => {
		using world = createWorld();
		const [a, b] = containers(world, { config: { portIsolation: true } });
		if (a === undefined || b === undefined) throw new Error("no containers");
		expect(ping(a.container, b.ipv4, { timeoutSeconds: 0.5 })).toBe(false);
		expect(ping(b.container, a.ipv6, { timeoutSeconds: 0.5 })).toBe(false);
		for (const { container } of [a, b]) {
			expect(ping(container, "10.1.2.1")).toBe(true);
			expect(ping(container, "fd00:1::1")).toBe(true);
		}
	});
});

describe("macspoofchk", () => {
	it("drops what a container sends from another MAC address", () => {
		using world = createWorld();
		const [a, b] = containers(world, { config: { macspoofchk: true } });
		if (a === undefined || b === undefined) throw new Error("no containers");
		const mac = a.one.result.interfaces[2]?.mac ?? "";
		expect(ping(a.container, b.ipv4)).toBe(true);
		shell(a.container, "ip link set eth0 address 02:00:00:00:00:99");
		expect(ping(a.container, b.ipv4, { timeoutSeconds: 0.5 })).toBe(false);
		expect(ping(a.container, "10.1.2.1", { timeoutSeconds: 0.5 })).toBe(false);
		expect(ping(b.container, "10.1.2.1")).toBe(true);
		shell(a.container, `ip link set eth0 address ${mac}`);
		expect(ping(a.container, b.ipv4)).toBe(true);
		for (const { one } of [a, b]) one.must("DEL");
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it("works on a network without addresses", () => {
		using world = createWorld();
		const network = bridgeNetwork(world, { subnets: [], config: { macspoofchk: true } });
		const [a, b] = [1, 2].map((number) => {
			const one = attachment(world, { config: network, containerId: `c${number}` });
			one.add();
			shell(one.container, `ip address add 192.0.2.${number}/24 dev eth0`);
			return one;
		});
		if (a === undefined || b === undefined) throw new Error("no containers");
		expect(ping(a.container, "192.0.2.2")).toBe(true);
		shell(a.container, "ip link set eth0 address 02:00:00:00:00:99");
		expect(ping(a.container, "192.0.2.2", { timeoutSeconds: 0.5 })).toBe(false);
	});
});

describe("hairpinMode", () => {
	it.each([true, false])("%s: the bridge sends back out of the port where a frame came in", (hairpinMode) => {
		using world = createWorld();
		const one = attachment(world, { config: bridgeNetwork(world, { subnets: [], config: { hairpinMode } }) });
		one.add();
		// Two machines behind one port whose common interface (VEPA) leaves it to the switch to reflect.
		const [a] = [1, 2].map((number) => {
			const machine = world.container();
			shell(one.container, `ip link add link eth0 name mv${number} netns ${machine.name} type macvlan mode vepa`);
			shell(machine, `ip address add 192.0.2.${number}/24 dev mv${number}; ip link set mv${number} up`);
			return machine;
		});
		if (a === undefined) throw new Error("no machine");
		expect(ping(a, "192.0.2.2", { timeoutSeconds: 0.5 })).toBe(hairpinMode);
	});
});

describe("an address that moves to another container", () => {
	const single = (world: World, { name, ends, config }: { name: string; ends: string; config?: Config }): Config => {
		const range = (subnet: string, address: string) => [{ subnet, rangeStart: address, rangeEnd: address }];
		const ranges = [range("10.1.2.0/24", `10.1.2.${ends}`), range("fd00:1::/64", `fd00:1::${ends}`)];
		return bridgeNetwork(world, {
			subnets: bothFamilies,
			config: { name, isDefaultGateway: true, ...config },
			ipam: { ranges },
		});
	};
	const cached = (namespace: Namespace, address: string) =>
		(JSON.parse(runIn(namespace, ["ip", "-j", "neigh", "show", address])) as { lladdr?: string }[])[0]?.lladdr;

	it("is reached there at once by neighbours and host that remember its old owner", () => {
		using world = createWorld();
		const neighbour = attachment(world, { config: single(world, { name: "n2", ends: "100" }), containerId: "n" });
		neighbour.add();
		const observers = [neighbour.container, world.host];
		// What was confirmed a moment ago stays valid for an hour: only an announcement can correct it.
		for (const observer of observers) {
			const device = observer === world.host ? "br0" : "eth0";
			for (const version of ["ipv4", "ipv6"]) {
				shell(observer, `echo 3600000 >/proc/sys/net/${version}/neigh/${device}/base_reachable_time_ms`);
			}
		}
		let owner: Attachment | undefined;
		for (const containerId of ["first", "second", "third"]) {
			owner?.must("DEL");
			owner = attachment(world, { config: single(world, { name: "n1", ends: "50" }), containerId });
			const mac = owner.add().interfaces[2]?.mac;
			for (const observer of observers) {
				for (const address of ["10.1.2.50", "fd00:1::50"]) {
					if (containerId !== "first") expect([address, cached(observer, address)]).toEqual([address, mac]);
					expect([address, ping(observer, address, { timeoutSeconds: 1 })]).toEqual([address, true]);
				}
			}
		}
	});

	it("is refused with enabledad while its old owner is there, and nothing is left; without an owner it is given", () => {
		using world = createWorld();
		const owner = attachment(world, { config: single(world, { name: "n1", ends: "50" }), containerId: "owner" });
		owner.add();
		const since = leftovers(world, { except: kept });
		const second = single(world, { name: "n2", ends: "50", config: { enabledad: true } });
		const rival = attachment(world, { config: second, containerId: "rival" });
		expect(rival.run("ADD").error?.msg).toBe(
			'failed to settle addresses for "eth0": link eth0 has address fd00:1::50 in DADFAILED state',
		);
		expect(leftovers(world, { except: kept })).toEqual(since);
		expect(runIn(rival.container, ["ip", "-j", "link", "show", "type", "veth"])).toBe("[]\n");
		owner.must("DEL");

		rival.add();
		expect(sysctl(rival.container, "net/ipv6/conf/eth0/accept_dad")).toBe("1");
		expect(sysctl(rival.container, "net/ipv6/conf/eth0/enhanced_dad")).toBe("1");
		expect(shell(rival.container, "ip -6 address show tentative")).toBe("");
		expect(ping(rival.container, "fd00:1::1", { timeoutSeconds: 1 })).toBe(true);
		rival.must("CHECK");
	});
});

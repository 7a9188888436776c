import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { type Namespace, runIn } from "../support/namespace.ts";
import { distribution, tools } from "../support/paths.ts";
import { itUnless } from "../support/skip.ts";
import { httpGet, ping, serve } from "../support/traffic.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import {
	attachment,
	type Config,
	globalAddresses,
	hostLocal,
	kept,
	shell,
	shownLink,
	shownRoutes,
} from "./bridge-network.ts";

const itWithStock = itUnless(
	existsSync(join(tools, "ptp")) ? undefined : "the stock plugins are missing: bin/setup --stock",
);

function network(world: World, { config, ipam }: { config?: Config; ipam?: Config } = {}): Config {
	const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];
	const addresses = hostLocal(world, ["10.1.2.0/24", "fd00:1::/64"], { routes });
	return { cniVersion: "1.1.0", name: "n1", type: "ptp", ipam: ipam ?? addresses, ...config };
}

function attach(world: World, config: Config, containerId = "c1") {
	const one = attachment(world, { type: "ptp", config, containerId });
	one.add();
	return one;
}

/** What is there of an attachment's routes, in the words of `ip route`. */
function routesOf(namespace: Namespace, device: string): string[] {
	return shownRoutes(namespace)
		.filter(({ dev, dst }) => dev === device && !/^(fe80|ff00|multicast)/.test(dst))
		.map(({ dst, gateway = "", prefsrc = "", scope = "" }) => [dst, gateway, prefsrc, scope].join(" "))
		.sort();
}

describe("ptp", () => {
	it("gives each container a link and a host route of its own, in both families", async () => {
		using world = createWorld();
		const [a, b] = ["c1", "c2"].map((id) => attach(world, network(world, { config: { mtu: 1400 } }), id));
		if (a === undefined || b === undefined) throw new Error("no containers");
		expect(a.result.interfaces).toEqual([
			{ name: expect.stringMatching(/^veth[0-9a-f]{8}$/), mac: expect.any(String) },
			{ name: "eth0", mac: shownLink(a.container, "eth0").address, sandbox: a.container.path },
		]);
		expect(a.result.ips).toEqual([
			{ address: "10.1.2.2/24", gateway: "10.1.2.1", interface: 1 },
			{ address: "fd00:1::2/64", gateway: "fd00:1::1", interface: 1 },
		]);
		expect(routesOf(a.container, "eth0")).toEqual([
			"10.1.2.0/24 10.1.2.1 10.1.2.2 global",
			"10.1.2.1  10.1.2.2 link",
			"default 10.1.2.1  global",
			"default fd00:1::1  global",
			"fd00:1::/64 fd00:1::1 fd00:1::2 global",
			"fd00:1::1  fd00:1::2 global",
		]);
		const port = a.result.interfaces[0]?.name ?? "";
		expect(globalAddresses(world.host, port)).toEqual(["10.1.2.1/32", "fd00:1::1/128"]);
		expect(routesOf(world.host, port)).toEqual(["10.1.2.2   host", "fd00:1::1   global", "fd00:1::2   global"]);
		for (const [namespace, name] of [
			[a.container, "eth0"],
			[world.host, port],
		] as const) {
			expect(shownLink(namespace, name).mtu).toBe(1400);
		}
		// At once, without waiting for duplicate address detection.
		expect(ping(a.container, "fd00:1::1", { timeoutSeconds: 1 })).toBe(true);
		expect(ping(world.host, "fd00:1::3", { timeoutSeconds: 1 })).toBe(true);
		expect(ping(a.container, "10.1.2.1", { timeoutSeconds: 1 })).toBe(true);
		// Containers of one network reach each other by way of the host.
		await using _web = await serve(b.container, { port: 80 });
		expect(httpGet(a.container, "http://10.1.2.3/")).toBe("10.1.2.2");
		expect(httpGet(a.container, "http://[fd00:1::3]/")).toBe("fd00:1::2");
		for (const one of [a, b]) one.must("CHECK");
		for (const one of [a, b]) one.must("DEL");
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it.each([["nftables"], ["iptables"]])("masquerades through %s what leaves the network", async (ipMasqBackend) => {
		using world = createWorld();
		const beyond = world.container();
		shell(
			world.host,
			`ip link add wan type veth peer name eth0 netns ${beyond.name}
			ip address add 198.51.100.1/24 dev wan; ip link set wan up`,
		);
		shell(beyond, "ip address add 198.51.100.2/24 dev eth0; ip link set eth0 up");
		const one = attach(world, network(world, { config: { ipMasq: true, ipMasqBackend } }));
		await using _beyond = await serve(beyond, { port: 80 });
		expect(httpGet(one.container, "http://198.51.100.2/")).toBe("198.51.100.1");
		one.must("CHECK");
		// The link goes with its namespace; the rules have to be found without it.
		runIn(world.host, ["ip", "link", "del", one.result.interfaces[0]?.name ?? ""]);
		one.must("DEL");
		expect(runIn(world.host, ["sh", "-c", "nft list ruleset | grep -c 'id: .*c1' || true"]).trim()).toBe("0");
	});

	it("takes a gateway outside the network, single hosts, and several addresses of one network", () => {
		using world = createWorld();
		const ipam = {
			type: "static",
			addresses: [
				{ address: "10.1.2.5/32", gateway: "169.254.1.1" },
				{ address: "10.1.3.5/24", gateway: "10.1.3.1" },
				{ address: "10.1.3.6/24", gateway: "10.1.3.1" },
				{ address: "fd00:1::5/128", gateway: "fd00:1::1" },
			],
			routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
		};
		const one = attach(world, network(world, { ipam }));
		for (const gateway of ["169.254.1.1", "10.1.3.1", "fd00:1::1"]) expect(ping(one.container, gateway)).toBe(true);
		for (const address of ["10.1.2.5", "10.1.3.6", "fd00:1::5"]) expect(ping(world.host, address)).toBe(true);
		one.must("CHECK");
		one.must("DEL");
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it.each<[title: string, dns: Config, expected: Config | undefined]>([
		["nothing", {}, { nameservers: ["192.0.2.53"] }],
		["a domain alone", { domain: "example.org" }, { domain: "example.org" }],
		["an empty list", { search: [] }, undefined],
	])("answers with the dns of the configuration once it says anything: %s", (_title, dns, expected) => {
		using world = createWorld();
		const ipam = {
			type: "static",
			addresses: [{ address: "10.1.2.5/24", gateway: "10.1.2.1" }],
			dns: { nameservers: ["192.0.2.53"] },
		};
		expect(attach(world, network(world, { config: { dns }, ipam })).result.dns).toEqual(expected);
	});

	it("refuses to take the address of a running container, which keeps it", () => {
		using world = createWorld();
		const ipam = { type: "static", addresses: [{ address: "10.1.2.5/24", gateway: "10.1.2.1" }] };
		const one = attach(world, network(world, { ipam }));
		const second = attachment(world, { type: "ptp", config: network(world, { ipam }), containerId: "c2" });
		expect(second.run("ADD").error).toMatchObject({
			msg: "failed to add route on host: 10.1.2.5/32: file exists",
			details: expect.stringContaining("ip route show 10.1.2.5/32"),
		});
		one.must("CHECK");
		expect(ping(world.host, "10.1.2.5")).toBe(true);
	});

	itWithStock("checks and takes back what the reference made, and the other way round", () => {
		using world = createWorld();
		const config = network(world, { config: { cniVersion: "1.0.0", ipMasq: true, ipMasqBackend: "nftables" } });
		const theirs = attachment(world, { type: "ptp", config, cniPath: tools, containerId: "theirs" });
		theirs.add();
		theirs.must("CHECK", { cniPath: distribution });
		const ours = attach(world, config, "ours");
		ours.must("CHECK", { cniPath: tools });
		theirs.must("DEL", { cniPath: distribution });
		ours.must("DEL", { cniPath: tools });
		// Tables of iptables, and our record of the masquerading, are unknown to the other suite.
		const others = [/^\+ nft table ip6? nat /, /^\+ iptables nat [*:]/, /^\+ firewall record /];
		expect(leftovers(world, { except: [...kept, ...others] })).toEqual([]);
	});
});

import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { takeSnapshot } from "../support/snapshot.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { type Attachment, attachment, bridgeNetwork, type Config, shell } from "./bridge-network.ts";

const routes = [
	{ dst: "198.51.100.0/24", gw: "10.1.2.7", mtu: 1300, advmss: 1200, priority: 77 },
	{ dst: "203.0.113.0/25", gw: "0.0.0.0" },
	{ dst: "203.0.113.0/24", table: 5000 },
	{ dst: "192.0.2.0/24", scope: 200 },
	{ dst: "2001:db8:9::/48", gw: "fd00:1::7", mtu: 1280, priority: 55 },
	{ dst: "2001:db8:8::/48", gw: "::" },
];

/** A container with everything that can be checked at once. */
function attach(world: World, config: Config = {}): Attachment {
	const everything = { isDefaultGateway: true, ipMasq: true, macspoofchk: true, promiscMode: true, mtu: 1400 };
	const network = bridgeNetwork(world, {
		subnets: ["10.1.2.0/24", "fd00:1::/64"],
		config: { ...everything, ...config },
		ipam: { routes },
	});
	const one = attachment(world, { config: network, containerId: "c1" });
	one.add();
	return one;
}

/** A line of shell after which CHECK must say `msg`; PORT stands for the host's end. */
type Mutation = readonly [title: string, line: string, msg: string | RegExp];

const inContainer: readonly Mutation[] = [
	["address removed", "ip address del 10.1.2.2/24 dev eth0", "Failed to match addr 10.1.2.2/24 on interface eth0"],
	[
		"IPv6 address removed",
		"ip address del fd00:1::2/64 dev eth0",
		"Failed to match addr fd00:1::2/64 on interface eth0",
	],
	[
		"address with another prefix length",
		"ip address del 10.1.2.2/24 dev eth0; ip address add 10.1.2.2/25 dev eth0",
		"Failed to match addr 10.1.2.2/24 on interface eth0",
	],
	["link down", "ip link set eth0 down", "Interface eth0 is down"],
	["link deleted", "ip link del eth0", "Cannot find container link eth0"],
	["link renamed", "ip link set eth0 name eth1", "Cannot find container link eth0"],
	[
		"link of another kind",
		"ip link del eth0; ip link add eth0 type bridge",
		"Error: Container interface eth0 not of type veth",
	],
	[
		"MAC changed",
		"ip link set eth0 address 02:00:00:00:00:99",
		/^Interface eth0 Mac ..:..:..:..:..:.. doesn't match container Mac: 02:00:00:00:00:99$/,
	],
	["default route removed", "ip route del default", "Expected Route 0.0.0.0/0 via 10.1.2.1 not found in routing table"],
	[
		"IPv6 default route removed",
		"ip -6 route del default",
		"Expected Route ::/0 via fd00:1::1 not found in routing table",
	],
	[
		"route removed",
		"ip route del 198.51.100.0/24",
		"Expected Route 198.51.100.0/24 via 10.1.2.7 metric 77 mtu 1300 advmss 1200 not found in routing table",
	],
	[
		"route with another gateway",
		"ip route replace 198.51.100.0/24 via 10.1.2.8 metric 77 mtu 1300 advmss 1200",
		"Expected Route 198.51.100.0/24 via 10.1.2.7 metric 77 mtu 1300 advmss 1200 not found in routing table",
	],
	[
		"route with another metric",
		"ip route del 198.51.100.0/24; ip route add 198.51.100.0/24 via 10.1.2.7 metric 78 mtu 1300 advmss 1200",
		"Expected Route 198.51.100.0/24 via 10.1.2.7 metric 77 mtu 1300 advmss 1200 not found in routing table",
	],
	[
		"route with another MTU",
		"ip route replace 198.51.100.0/24 via 10.1.2.7 metric 77 mtu 1200 advmss 1200",
		"Expected Route 198.51.100.0/24 via 10.1.2.7 metric 77 mtu 1300 advmss 1200 not found in routing table",
	],
	[
		"route with another segment size",
		"ip route replace 198.51.100.0/24 via 10.1.2.7 metric 77 mtu 1300 advmss 1000",
		"Expected Route 198.51.100.0/24 via 10.1.2.7 metric 77 mtu 1300 advmss 1200 not found in routing table",
	],
	[
		"route with another scope",
		"ip route del 192.0.2.0/24; ip route add 192.0.2.0/24 via 10.1.2.1 scope global",
		"Expected Route 192.0.2.0/24 via 10.1.2.1 scope 200 not found in routing table",
	],
	[
		"IPv6 route removed",
		"ip -6 route del 2001:db8:9::/48",
		"Expected Route 2001:db8:9::/48 via fd00:1::7 metric 55 mtu 1280 not found in routing table",
	],
	[
		"routing table emptied",
		"ip route flush table 5000",
		"Expected Route 203.0.113.0/24 via 10.1.2.1 table 5000 not found in routing table",
	],
	[
		"route to the network removed",
		"ip route del 10.1.2.0/24",
		"Failed to find the route to 10.1.2.0/24 for interface eth0",
	],
	[
		"IPv6 switched off",
		"echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6",
		"Parameter net/ipv6/conf/eth0/disable_ipv6 is 1, and ADD set it to 0",
	],
	[
		"IPv6 addresses not kept",
		"echo 0 >/proc/sys/net/ipv6/conf/eth0/keep_addr_on_down",
		"Parameter net/ipv6/conf/eth0/keep_addr_on_down is 0, and ADD set it to 1",
	],
];

const onHost: readonly Mutation[] = [
	["port down", "ip link set PORT down", "Interface PORT is down"],
	["port of no bridge", "ip link set PORT nomaster", "CNI veth created for bridge br0 was not found"],
	[
		"port of another bridge",
		"ip link add br9 type bridge; ip link set PORT master br9",
		"CNI veth created for bridge br0 was not found",
	],
	[
		"port renamed",
		"ip link set PORT down; ip link set PORT name other",
		"CNI veth created for bridge br0 was not found",
	],
	["port's MTU changed", "ip link set PORT mtu 1300", "Interface PORT has MTU 1300, and the configuration says 1400"],
	[
		"port's MAC changed",
		"ip link set PORT address 02:00:00:00:00:98",
		/^Interface PORT Mac doesn't match: ..:..:..:..:..:.. not found$/,
	],
	[
		"hairpin mode switched on",
		"bridge link set dev PORT hairpin on",
		"Interface PORT has hairpin mode on, and the configuration says off",
	],
	[
		"port isolation switched on",
		"bridge link set dev PORT isolated on",
		"Interface PORT has port isolation on, and the configuration says off",
	],
	["bridge down", "ip link set br0 down", "Bridge interface br0 is down"],
	["bridge deleted", "ip link del br0", "Interface name br0 not found"],
	[
		"bridge replaced by something else",
		"ip link del br0; ip link add br0 type veth peer name br0peer",
		"Interface br0 does not have link type of bridge",
	],
	[
		"bridge's MAC changed",
		"ip link set br0 address 02:00:00:00:00:97",
		/^Bridge interface br0 Mac doesn't match: ..:..:..:..:..:..$/,
	],
	[
		"promiscuous mode switched off",
		"ip link set br0 promisc off",
		/^Bridge interface br0 configured Promisc Mode true doesn't match current state: false ?$/,
	],
	[
		"gateway's address removed",
		"ip address del 10.1.2.1/24 dev br0",
		"Failed to match gateway addr 10.1.2.1/24 on interface br0",
	],
	[
		"gateway's IPv6 address removed",
		"ip address del fd00:1::1/64 dev br0",
		"Failed to match gateway addr fd00:1::1/64 on interface br0",
	],
	["forwarding off", "echo 0 >/proc/sys/net/ipv4/ip_forward", "IPv4 forwarding is off on the host"],
	["IPv6 forwarding off", "echo 0 >/proc/sys/net/ipv6/conf/all/forwarding", "IPv6 forwarding is off on the host"],
	[
		"masquerade rules removed",
		"nft flush chain inet cni_plugins_masquerade masq_checks",
		/^Cannot find the masquerading of 10\.1\.2\.2\/24, fd00:1::2\/64 .*missing$/,
	],
	["masquerade hook emptied", "nft flush chain inet cni_plugins_masquerade postrouting", /masquerading .* missing$/],
	["masquerade table deleted", "nft delete table inet cni_plugins_masquerade", /masquerading .* missing$/],
	["spoof check's hook emptied", "nft flush chain bridge nat PREROUTING", /MAC spoof check .*iifname PORT jump/],
	["spoof check's chain emptied", "nft flush chain bridge nat cni-br-iface-c1-eth0", /MAC spoof check .*rule "jump/],
	["spoof check's verdicts removed", "nft flush chain bridge nat cni-br-iface-c1-eth0-mac", /MAC spoof check .*"drop"/],
	["spoof check's table deleted", "nft delete table bridge nat", /MAC spoof check .*chain "PREROUTING"/],
];

describe("CHECK after one change in the container names it", () => {
	it.each(inContainer)("%s", (_title, line, msg) => {
		using world = createWorld();
		const one = attach(world);
		one.must("CHECK");
		shell(one.container, line);
		expectFault(one, msg);
	});
});

describe("CHECK after one change on the host names it", () => {
	it.each(onHost)("%s", (_title, line, msg) => {
		using world = createWorld();
		const one = attach(world);
		shell(world.host, line.replaceAll("PORT", one.port));
		expectFault(one, msg);
	});

	it.each<Mutation>([
		[
			"hairpin mode switched off",
			"bridge link set dev PORT hairpin off",
			"Interface PORT has hairpin mode off, and the configuration says on",
		],
		[
			"port isolation switched off",
			"bridge link set dev PORT isolated off",
			"Interface PORT has port isolation off, and the configuration says on",
		],
		["masquerade jump removed (iptables)", "iptables -t nat -F POSTROUTING", /masquerading .* missing$/],
		["masquerade of IPv6 removed (iptables)", "ip6tables -t nat -F POSTROUTING", /masquerading .* missing$/],
		[
			"masquerade chain emptied (iptables)",
			"for c in $(iptables -t nat -S | sed -n 's/-N //p'); do iptables -t nat -F $c; done",
			/masquerading .* missing$/,
		],
	])("%s", (_title, line, msg) => {
		using world = createWorld();
		const config = { promiscMode: false, hairpinMode: true, portIsolation: true, ipMasqBackend: "iptables" };
		const one = attach(world, config);
		one.must("CHECK");
		shell(world.host, line.replaceAll("PORT", one.port));
		expectFault(one, msg);
	});

	it("reservation of the address removed", () => {
		using world = createWorld();
		const one = attach(world);
		rmSync(join(world.dataDir, "n1/10.1.2.2"));
		expect(one.run("CHECK").error?.msg).toMatch(/host-local|10\.1\.2\.2|reserv/i);
	});
});

describe("CHECK", () => {
	it("changes nothing", () => {
		using world = createWorld();
		const one = attach(world);
		const since = snapshotOf(world);
		const container = takeSnapshot(one.container);
		one.must("CHECK");
		expect(leftovers(world, { since })).toEqual([]);
		expect([...takeSnapshot(one.container).symmetricDifference(container)]).toEqual([]);
	});

	it("lets later plugins of the chain add routes, addresses and another default gateway, and change the MTU", () => {
		using world = createWorld();
		const one = attach(world);
		shell(
			one.container,
			`ip link set eth0 mtu 1380; ip address add 192.0.2.77/32 dev eth0; ip route add 198.18.0.0/15 via 10.1.2.9
			ip route replace default via 10.1.2.9; ip link add extra type bridge`,
		);
		one.must("CHECK");
	});

	it.each<[title: string, change: (result: Attachment["result"]) => object, msg: string | RegExp]>([
		["without prevResult", () => ({ prevResult: undefined }), "Required prevResult missing"],
		[
			"of another sandbox",
			(result) => ({
				prevResult: {
					...result,
					interfaces: result.interfaces.map((entry) => ({
						...entry,
						...(entry.sandbox && { sandbox: "/run/netns/elsewhere" }),
					})),
				},
			}),
			/^Sandbox in prevResult \/run\/netns\/elsewhere doesn't match configured netns: \/run\/netns\/cst-/,
		],
		[
			"without the container's interface",
			(result) => ({ prevResult: { ...result, interfaces: result.interfaces.slice(0, 2), ips: [] } }),
			/^Sandbox in prevResult {2}doesn't match configured netns: \/run\/netns\/cst-/,
		],
		[
			"without the bridge",
			(result) => ({ prevResult: { ...result, interfaces: [{ name: "x" }, ...result.interfaces.slice(1)] } }),
			"CNI created bridge br0 in host namespace was not found",
		],
		[
			"without the port",
			(result) => ({
				prevResult: { ...result, interfaces: [result.interfaces[0], { name: "x" }, result.interfaces[2]] },
			}),
			"CNI veth created for bridge br0 was not found",
		],
		[
			"with the bridge in a sandbox",
			(result) => ({
				prevResult: { ...result, interfaces: [{ name: "br0", sandbox: "/x" }, ...result.interfaces.slice(1)] },
			}),
			"Interface br0 should not be in sandbox",
		],
		["that is no object", () => ({ prevResult: "x" }), /prevResult/],
		[
			"of a version that is not the configuration's",
			(result) => ({ prevResult: { ...result, cniVersion: "0.4.0" } }),
			/prevResult/,
		],
	])("refuses a result %s", (_title, change, msg) => {
		using world = createWorld();
		const one = attach(world);
		const { error } = one.run("CHECK", { config: { ...(one.call.config as Config), ...change(one.result) } });
		expect(error?.msg).toMatch(msg instanceof RegExp ? msg : exactly(msg));
	});

	it("fails where the namespace is gone", () => {
		using world = createWorld();
		const one = attach(world);
		const { error } = one.run("CHECK", { netns: "/run/netns/cst-none" });
		expect(error?.code).toBeGreaterThan(0);
	});

	it.each(["0.4.0", "1.0.0", "1.1.0"])("reads the result of version %s", (cniVersion) => {
		using world = createWorld();
		const one = attach(world, { cniVersion });
		one.must("CHECK");
	});
});

function expectFault(one: Attachment, msg: string | RegExp): void {
	const { error, exitCode } = one.run("CHECK");
	expect(exitCode).toBe(1);
	const pattern = msg instanceof RegExp ? msg.source : exactly(msg).source;
	expect(error?.msg).toMatch(new RegExp(pattern.replaceAll("PORT", one.port)));
}

function exactly(text: string): RegExp {
	return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}$`);
}

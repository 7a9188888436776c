import { describe, expect, it } from "@jest/globals";
import { pluginContract } from "../contract/plugin.ts";
import { attachment, type Config, globalAddresses, hostLocal, shell, shownLink } from "../kernel/bridge-network.ts";
import { attemptIn } from "../support/namespace.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, leftovers } from "../support/world.ts";

pluginContract({
	type: "dummy",
	config: (world) => ({ ipam: hostLocal(world, ["10.38.0.0/24", "fd38::/64"], { routes: [{ dst: "10.39.0.0/16" }] }) }),
	hasAddress: true,
	lean: true,
	mutations: [
		{
			what: "the interface is gone",
			change: ({ inside }) => inside("ip link del eth0"),
			named: /Cannot find container link eth0/,
		},
		{
			what: "the interface is of another kind",
			change({ inside, result }) {
				inside("ip link del eth0");
				inside(`ip link add eth0 address ${result.interfaces?.[0]?.mac} type veth peer name other`);
			},
			named: /eth0 not of type dummy; Its type is "veth"/,
		},
		{
			what: "the interface is down",
			change: ({ inside }) => inside("ip link set eth0 down"),
			named: /Interface eth0 is down/,
		},
		{
			what: "an address is gone",
			change: ({ inside }) => inside("ip address del fd38::2/64 dev eth0"),
			named: /Failed to match addr fd38::2\/64/,
		},
		{
			what: "a route is gone",
			change: ({ inside }) => inside("ip route del 10.39.0.0/16"),
			named: /Expected Route 10\.39\.0\.0\/16 via 10\.38\.0\.1 not found/,
		},
	],
	failures: [
		{
			what: "the container has an interface of that name",
			arrange(_, container) {
				attemptIn(container, ["ip", "link", "add", "eth0", "type", "dummy"]);
				return {};
			},
		},
		{
			what: "a route leads nowhere",
			arrange: (world) => ({
				ipam: hostLocal(world, ["10.38.0.0/24"], { routes: [{ dst: "10.39.0.0/16", gw: "192.0.2.1" }] }),
			}),
		},
	],
});

describe("dummy", () => {
	const network = (ipam?: Config): Config => ({
		cniVersion: "1.1.0",
		name: "n1",
		type: "dummy",
		dns: { nameservers: ["192.0.2.1"] },
		...(ipam === undefined ? {} : { ipam }),
	});

	it("has addresses that answer inside the container, and IPAM's dns", () => {
		using world = createWorld();
		// Names of the host are none of the container's business.
		shell(world.host, "ip link add foobar0 type dummy");
		const since = leftovers(world);
		const ipam = {
			type: "static",
			addresses: [{ address: "10.38.0.1/32" }, { address: "fd38::1/128" }],
			dns: { domain: "example.org" },
		};
		const one = attachment(world, { type: "dummy", config: network(ipam), ifName: "foobar0" });
		const { interfaces, ips, dns } = one.add();
		const link = shownLink(one.container, "foobar0");
		expect(link).toMatchObject({ linkinfo: { info_kind: "dummy" }, flags: expect.arrayContaining(["UP"]) });
		expect(interfaces).toEqual([{ name: "foobar0", mac: link.address, sandbox: one.container.path }]);
		expect(ips?.map((ip) => ip.interface)).toEqual([0, 0]);
		expect(dns).toEqual({ domain: "example.org" });
		expect([...globalAddresses(one.container, "foobar0")].sort()).toEqual(["10.38.0.1/32", "fd38::1/128"]);
		shell(one.container, "ip link set lo up");
		for (const address of ["10.38.0.1", "fd38::1"]) expect(ping(one.container, address)).toBe(true);
		one.must("CHECK");
		for (const _ of [1, 2]) one.must("DEL");
		expect(leftovers(world)).toEqual(since);
	});
});

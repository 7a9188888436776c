import { attemptIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { type Attached, pluginContract } from "./plugin.ts";

const hostLocal = ({ dataDir }: World) => ({
	type: "host-local",
	dataDir,
	ranges: [[{ subnet: "10.34.0.0/24" }], [{ subnet: "fd34::/64" }]],
	routes: [{ dst: "0.0.0.0/0" }, { dst: "10.35.0.0/16", gw: "10.34.0.1" }],
});

const hostEnd = ({ result }: Attached) => result.interfaces?.[0]?.name ?? "";

pluginContract({
	type: "ptp",
	config: (world) => ({ mtu: 1400, ipMasq: true, ipam: hostLocal(world) }),
	hasAddress: true,
	mutations: [
		{
			what: "the container's interface is gone",
			change: ({ inside }) => inside("ip link del eth0"),
			named: /Cannot find container link eth0/,
		},
		{
			what: "the container's IPv6 address is gone",
			change: ({ inside }) => inside("ip address del fd34::2/64 dev eth0"),
			named: /fd34::2/,
		},
		{
			what: "the route to the gateway is gone",
			change: ({ inside }) => inside("ip route del 10.34.0.1 dev eth0"),
			named: /Expected Route 10\.34\.0\.1\/32 src 10\.34\.0\.2 not found/,
		},
		{
			what: "the network is reached without its gateway",
			change({ inside }) {
				inside("ip -6 route del fd34::/64 via fd34::1 dev eth0");
				inside("ip -6 route add fd34::/64 dev eth0");
			},
			named: /Expected Route fd34::\/64 via fd34::1 src fd34::2 not found/,
		},
		{
			what: "a route of IPAM is gone",
			change: ({ inside }) => inside("ip route del 10.35.0.0/16"),
			named: /10\.35\.0\.0\/16/,
		},
		{
			what: "the host's end is down",
			change: (attached) => attached.host(`ip link set ${hostEnd(attached)} down`),
			named: /Interface veth\w+ is down/,
		},
		{
			what: "the host's end has another MTU",
			change: (attached) => attached.host(`ip link set ${hostEnd(attached)} mtu 1500`),
			named: /MTU 1500, and the configuration says 1400/,
		},
		{
			what: "the host's end has another hardware address",
			change: (attached) => attached.host(`ip link set ${hostEnd(attached)} address 02:00:00:00:00:99`),
			named: /Interface veth\w+ Mac doesn't match: .*It is 02:00:00:00:00:99/,
		},
		{
			what: "the host's end has lost the gateway's address",
			change: (attached) => attached.host(`ip address del 10.34.0.1/32 dev ${hostEnd(attached)}`),
			named: /Failed to match gateway addr 10\.34\.0\.1\/32 on interface veth/,
		},
		{
			what: "the host has no route to the container",
			change: ({ host }) => host("ip -6 route del fd34::2"),
			named: /Expected Route fd34::2\/128 dev veth\w+ not found on the host/,
		},
		{
			what: "the host does not forward IPv6",
			change: ({ host }) => host("sysctl -q -w net.ipv6.conf.all.forwarding=0"),
			named: /IPv6 forwarding is off/,
		},
		{
			what: "the masquerade's table is gone",
			change: ({ host }) => host("nft delete table inet cni_plugins_masquerade"),
			named: /masq/i,
		},
	],
	failures: [
		{
			what: "the container has an interface of that name",
			arrange(_, container) {
				attemptIn(container, ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other"]);
				return {};
			},
		},
		{
			what: "the configuration has no ipam",
			arrange: () => ({ ipam: {} }),
		},
		{
			what: "an address has no gateway",
			arrange: () => ({ ipam: { type: "static", addresses: [{ address: "10.36.0.2/24" }] } }),
		},
		{
			what: "the host has another way to the address",
			arrange({ host }) {
				attemptIn(host, ["ip", "link", "set", "lo", "up"]);
				attemptIn(host, ["ip", "route", "add", "10.36.0.2", "dev", "lo"]);
				return { ipam: { type: "static", addresses: [{ address: "10.36.0.2/24", gateway: "10.36.0.1" }] } };
			},
		},
		{
			what: "the MTU is too small for IPv6",
			arrange: () => ({ mtu: 1000 }),
		},
	],
});

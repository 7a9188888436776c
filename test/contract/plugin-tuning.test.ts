import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Namespace, runIn } from "../support/namespace.ts";
import type { World } from "../support/world.ts";
import { type Failure, type Mutation, pluginContract } from "./plugin.ts";

/** Where leftovers are looked for. */
const dataDir = (world: World) => join(world.dataDir, "tuning");

const settings = {
	sysctl: { "net.ipv4.conf.IFNAME.log_martians": "1", "net.ipv4.ip_local_port_range": "20000 30000" },
	mac: "C2:11:22:33:44:55",
	mtu: 1454,
	promisc: true,
	allmulti: true,
	txQLen: 20_000,
};

const made = new Set<string>();

/** In the form of every version; makes the interface of a new container. */
function prevResult(_: World, container: Namespace) {
	if (!made.has(container.name)) {
		runIn(container, "ip link add eth0 type veth peer name other".split(" "));
		made.add(container.name);
	}
	return {
		interfaces: [{ name: "eth0", sandbox: container.path }],
		ips: [{ address: "10.0.0.2/24", version: "4", interface: 0 }],
		ip4: { ip: "10.0.0.2/24" },
	};
}

const mutations: readonly Mutation[] = [
	{
		what: "a parameter of the interface has another value",
		change: ({ inside }) => inside("sysctl -q -w net.ipv4.conf.eth0.log_martians=0"),
		named: /configured value of \/proc\/sys\/net\/ipv4\/conf\/eth0\/log_martians is 1, current value is 0/,
	},
	{
		what: "a parameter of the namespace has another value",
		change: ({ inside }) => inside("sysctl -q -w net.ipv4.ip_local_port_range=1024\t2048"),
		named: /ip_local_port_range is 20000 30000, current value is 1024\s2048/,
	},
	{
		what: "the hardware address is another",
		change: ({ inside }) => inside("ip link set eth0 address 02:00:00:00:00:99"),
		named: /Ethernet of eth0 is c2:11:22:33:44:55, current value is 02:00:00:00:00:99/,
	},
	{
		what: "the interface is not promiscuous any more",
		change: ({ inside }) => inside("ip link set eth0 promisc off"),
		named: /promisc is true, current value is 0/,
	},
	{
		what: "the MTU is another",
		change: ({ inside }) => inside("ip link set eth0 mtu 1300"),
		named: /MTU of eth0 is 1454, current value is 1300/,
	},
	{
		what: "the all-multicast mode is off",
		change: ({ inside }) => inside("ip link set eth0 allmulticast off"),
		named: /all-multicast mode of eth0 is true, current value is false/,
	},
	{
		what: "the queue has another length",
		change: ({ inside }) => inside("ip link set eth0 txqueuelen 500"),
		named: /Transmit Queue Length of eth0 is 20000, current value is 500/,
	},
	{
		what: "the interface is gone",
		change: ({ inside }) => inside("ip link del eth0"),
		named: /^Cannot find container link eth0/,
	},
];

const failures: readonly Failure[] = [
	{ what: "it is not called behind another plugin", arrange: () => ({ prevResult: null }) },
	{ what: "a parameter is not of the network", arrange: () => ({ sysctl: { "kernel.shmmax": "1" } }) },
	{
		what: "there is no such parameter",
		arrange: () => ({ sysctl: { "net.ipv4.no_such": "1", "net.ipv4.ip_forward": "1" } }),
	},
	{ what: "a value is refused", arrange: () => ({ sysctl: { "net.ipv4.ip_local_port_range": "x" } }) },
	{
		what: "a parameter is there in two spellings",
		arrange: () => ({ sysctl: { "net.ipv4.ip_forward": "1", "net/ipv4/ip_forward": "0" } }),
	},
	{ what: "the hardware address is none", arrange: () => ({ mac: "c2:11:22:33:44" }) },
	{ what: "the hardware address is for a group", arrange: () => ({ mac: "c3:11:22:33:44:55" }) },
	{ what: "the MTU is more than the interface can have", arrange: () => ({ mtu: 70_000 }) },
	{
		what: "what was before cannot be kept",
		arrange(world) {
			mkdirSync(world.dataDir, { recursive: true });
			writeFileSync(join(world.dataDir, "no-directory"), "");
			return { dataDir: join(world.dataDir, "no-directory") };
		},
	},
];

pluginContract({
	type: "tuning",
	title: "everything",
	config: (world) => ({ dataDir: dataDir(world), ...settings }),
	prevResult,
	hasAddress: true,
	repeatable: true,
	mutations,
	failures,
});

pluginContract({
	type: "tuning",
	title: "nothing",
	config: (world) => ({ dataDir: dataDir(world) }),
	prevResult,
	hasAddress: true,
	repeatable: true,
});

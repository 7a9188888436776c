import type { PluginRegistry } from "../lib/cni/call.ts";
import type { CommonConfig } from "../lib/cni/common-keys.ts";
import type { Plugin } from "../lib/cni/plugin.ts";

/** Every type of plugin in the executable, and how it is loaded where modules are not in the executable's snapshot. */
const loaders: Readonly<Record<string, () => Promise<Plugin>>> = {
	bandwidth: async () => erase((await import("./meta/bandwidth/bandwidth.ts")).bandwidth),
	bridge: async () => erase((await import("./main/bridge/bridge.ts")).bridge),
	cluster: async () => erase((await import("./ipam/cluster/cluster.ts")).cluster),
	dhcp: async () => erase((await import("./ipam/dhcp/dhcp.ts")).dhcp),
	dummy: async () => erase((await import("./main/dummy.ts")).dummy),
	firewall: async () => erase((await import("./meta/firewall/firewall.ts")).firewall),
	"host-device": async () => erase((await import("./main/host-device/host-device.ts")).hostDevice),
	"host-local": async () => erase((await import("./ipam/host-local/host-local.ts")).hostLocal),
	chain: async () => erase((await import("./mesos/chain/chain.ts")).chain),
	groups: async () => erase((await import("./mesos/groups/groups.ts")).groups),
	macvlan: async () => erase((await import("./main/macvlan.ts")).macvlan),
	ipvlan: async () => erase((await import("./main/ipvlan.ts")).ipvlan),
	loopback: async () => erase((await import("./main/loopback.ts")).loopback),
	"mesos-cni-port-mapper": async () =>
		erase((await import("./mesos/mesos-cni-port-mapper/mesos-cni-port-mapper.ts")).mesosCniPortMapper),
	portmap: async () => erase((await import("./meta/portmap/portmap.ts")).portmap),
	ptp: async () => erase((await import("./main/ptp/ptp.ts")).ptp),
	sbr: async () => erase((await import("./meta/sbr/sbr.ts")).sbr),
	static: async () => erase((await import("./ipam/static/static.ts")).staticIpam),
	tap: async () => erase((await import("./main/tap/tap.ts")).tap),
	tuning: async () => erase((await import("./meta/tuning/tuning.ts")).tuning),
	vlan: async () => erase((await import("./main/vlan.ts")).vlan),
	vrf: async () => erase((await import("./meta/vrf/vrf.ts")).vrf),
};

export const plugins: PluginRegistry = {
	types: Object.keys(loaders),
	load: (type) => (Object.hasOwn(loaders, type) ? loaders[type]?.() : undefined),
};

/** A program beside the plugins, which somebody starts as `dhcp daemon …`. */
export type Program = (args: readonly string[]) => number | Promise<number>;

const programs: Readonly<Record<string, () => Promise<Program>>> = {
	"cluster mesos-agents": async () => (await import("./ipam/cluster/mesos-agents.ts")).reportMesosAgents,
	"dhcp daemon": async () => (await import("./ipam/dhcp/daemon/daemon.ts")).runDaemon,
};

/** The program that `name word` starts, or undefined. */
export function findProgram(name: string, word: string | undefined): Promise<Program> | undefined {
	const words = `${name} ${word}`;
	return Object.hasOwn(programs, words) ? programs[words]?.() : undefined;
}

/** The frame decodes the configuration with the plugin's own schema, so the two always fit. */
function erase<Config extends CommonConfig>(plugin: Plugin<Config>): Plugin {
	return plugin as Plugin;
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { attempt, enter, type Namespace, runIn } from "../support/namespace.ts";
import type { PluginCall } from "../support/run-plugin.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { type Attachment, attachment, bridgeNetwork, type Config, kept, shell, shownLinks } from "./bridge-network.ts";

const everything = { isDefaultGateway: true, ipMasq: true, macspoofchk: true };
const subnets = ["10.1.2.0/24", "fd00:1::/64"];

/** iptables' own table and chains stay. */
const keptHere = [...kept, /^\+ nft (table|chain) ip6? nat( |$)/, /^\+ iptables nat [*:]/];

/** A neighbour that stays and the container that goes; the neighbour must be left as it is. */
function attachTwo(
	world: World,
	config: Config = {},
): { going: Attachment; staying: Attachment; since: ReturnType<typeof snapshotOf> } {
	const network = bridgeNetwork(world, { subnets, config: { ...everything, ...config } });
	const staying = attachment(world, { config: network, containerId: "staying" });
	staying.add();
	const since = snapshotOf(world);
	const going = attachment(world, { config: network, containerId: "going" });
	going.add();
	return { going, staying, since };
}

const advisory = [/^[+-] file n1\/last_reserved_ip\.\d+ /, /^[+-] (file|directory) \.cni-suite(\/|$)/];

interface Case {
	readonly prepare?: (world: World, going: Attachment) => void;
	readonly call?: Partial<PluginCall> | ((going: Attachment) => Partial<PluginCall>);
}

const spoilt = {
	mtu: "x",
	vlan: "y",
	vlanTrunk: 7,
	isGateway: 3,
	hairpinMode: [],
	bridge: 5,
	args: 1,
	runtimeConfig: "r",
	dns: 2,
};

const cases: Readonly<Record<string, Case>> = {
	"as ADD left it": {},
	"without prevResult": { call: (going) => ({ config: configOf(going) }) },
	"with a prevResult that is none": { call: (going) => ({ config: { ...configOf(going), prevResult: "nonsense" } }) },
	"without CNI_NETNS": { call: { netns: undefined, env: { CNI_NETNS: undefined } } },
	"with an empty CNI_NETNS": { call: { netns: "" } },
	"with the namespace gone": { prepare: (_world, going) => removeNamespace(going.container) },
	"with the namespace gone and its mount point left": {
		prepare(_world, going) {
			removeNamespace(going.container);
			writeFileSync(going.container.path, "");
		},
	},
	"with the interface gone": { prepare: (_world, going) => shell(going.container, "ip link del eth0") },
	"with the interface renamed": { prepare: (_world, going) => shell(going.container, "ip link set eth0 name other") },
	"with the port gone": { prepare: (world, going) => shell(world.host, `ip link del ${going.port}`) },
	"with the address gone": { prepare: (_world, going) => shell(going.container, "ip address flush dev eth0") },
	"with the masquerade and spoof tables gone": { prepare: (world) => shell(world.host, "nft flush ruleset") },
	"with keys of the wrong type": { call: (going) => ({ config: { ...configOf(going), ...spoilt } }) },
	"with values that ADD refuses": {
		call: (going) => ({
			config: { ...configOf(going), vlan: 5000, vlanTrunk: [{ minID: 9 }], hairpinMode: true, promiscMode: true },
		}),
	},
	"with CNI_ARGS that ADD refuses": { call: { args: "MAC=zz" } },
};

describe.each([
	["nftables", {}],
	["iptables", { ipMasqBackend: "iptables" }],
])("DEL takes back exactly its attachment, masquerade in %s", (_backend, config) => {
	it.each(Object.entries(cases))("%s; and a second time there is nothing to do", (title, { prepare, call }) => {
		using world = createWorld();
		const { going, staying, since } = attachTwo(world, config);
		prepare?.(world, going);
		const { netns, ...changed } = (typeof call === "function" ? call(going) : call) ?? {};
		const path = call !== undefined && "netns" in call ? { netns } : {};
		going.must("DEL", { ...changed, ...path });
		const flushed = title.includes("tables gone");
		const except = flushed ? [...advisory, /^- nft /, /^- iptables /] : advisory;
		expect(leftovers(world, { since, except })).toEqual([]);
		going.must("DEL", { ...changed, ...path });
		expect(leftovers(world, { since, except })).toEqual([]);
		if (!flushed) staying.must("CHECK");
		staying.must("DEL");
		expect(leftovers(world, { except: keptHere })).toEqual([]);
		// The file where the namespace was, if there is one.
		attempt(["rm", "-f", going.container.path]);
	});
});

describe("DEL", () => {
	it("removes the port while the namespace lives on without its path", async () => {
		using world = createWorld();
		const { going, since } = attachTwo(world);
		const [program = "", ...args] = enter(going.container, ["sleep", "60"]);
		const holder = spawn(program, args);
		try {
			await once(holder, "spawn");
			// The process is in the namespace once nsenter has become sleep.
			while (attempt(["cat", `/proc/${holder.pid}/comm`]).stdout.trim() !== "sleep");
			removeNamespace(going.container);
			going.must("DEL");
			expect(leftovers(world, { since, except: advisory })).toEqual([]);
		} finally {
			holder.kill("SIGKILL");
			await once(holder, "close");
		}
	});

	it("of a container that was never added is success and changes nothing", () => {
		using world = createWorld();
		const never = attachment(world, { config: bridgeNetwork(world, { config: everything }) });
		never.must("DEL");
		never.must("DEL", { netns: "/run/netns/cst-none" });
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it("works when the bridge is gone, and ADD makes it again", () => {
		using world = createWorld();
		const { going, staying } = attachTwo(world);
		shell(world.host, "ip link del br0");
		for (const one of [going, staying]) one.must("DEL");
		expect(leftovers(world, { except: keptHere })).toEqual([]);
		going.add();
		going.must("CHECK");
	});

	it.each(["nftables", "iptables"])("takes one of two interfaces of a container, masquerade in %s", (ipMasqBackend) => {
		using world = createWorld();
		const config = bridgeNetwork(world, { subnets, config: { ...everything, ipMasqBackend } });
		const eth0 = attachment(world, { config });
		eth0.add();
		const since = snapshotOf(world);
		// One default route is enough for a container.
		const second = { ...config, isDefaultGateway: false, isGateway: true };
		const eth1 = attachment(world, { config: second, netns: eth0.container, ifName: "eth1" });
		eth1.add();
		eth1.must("CHECK");
		eth1.must("DEL");
		expect(leftovers(world, { since, except: advisory })).toEqual([]);
		eth0.must("CHECK");
		expect(shownLinks(eth0.container).map(({ ifname }) => ifname)).toEqual(["lo", "eth0"]);
	});

	it("reports what IPAM says after everything else is gone", () => {
		using world = createWorld();
		const { going, since } = attachTwo(world);
		const { error } = going.run("DEL", { config: { ...configOf(going), ipam: { type: "no-such" } } });
		expect(error?.msg).toContain('failed to find plugin "no-such"');
		expect(leftovers(world, { since, except: advisory })).toEqual([
			expect.stringMatching(/^\+ file n1\/10\.1\.2\.3 /),
			expect.stringMatching(/^\+ file n1\/fd00:1::3 /),
		]);
		going.must("DEL");
		expect(leftovers(world, { since, except: advisory })).toEqual([]);
	});

	it("of a network without addresses leaves the bridge", () => {
		using world = createWorld();
		const one = attachment(world, { config: bridgeNetwork(world, { subnets: [], config: { macspoofchk: true } }) });
		one.add();
		removeNamespace(one.container);
		one.must("DEL");
		expect(shownLinks(world.host).map(({ ifname }) => ifname)).toEqual(["lo", "br0"]);
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it("refuses the host's own namespace unless it is told not to look", () => {
		using world = createWorld();
		const config = bridgeNetwork(world, { config: { ...everything, ipMasq: true } });
		const one = attachment(world, { config, netns: world.host });
		for (const command of ["ADD", "DEL"] as const) {
			expect(one.run(command).error).toMatchObject({
				code: 8,
				msg: "plugin's netns and netns from CNI_NETNS should not be the same",
			});
		}
		expect(leftovers(world)).toEqual([]);
	});

	it("and ADD work with container and host in one namespace where that is asked for", () => {
		using world = createWorld();
		const config = bridgeNetwork(world, { config: { ...everything, name: "n1" } });
		const one = attachment(world, {
			config,
			netns: world.host,
			env: { CNI_NETNS_OVERRIDE: "1" },
			containerId: "dummy-0",
		});
		one.add();
		const rules = (place: string) =>
			runIn(world.host, ["sh", "-c", `nft list chain ${place} | grep -c macspoofchk-dummy-0-eth0`]).trim();
		expect(rules("bridge nat PREROUTING")).toBe("1");
		expect(rules("bridge nat cni-br-iface-dummy-0-eth0")).toBe("1");
		expect(rules("bridge nat cni-br-iface-dummy-0-eth0-mac")).toBe("2");
		expect(shell(world.host, "nft list chain inet cni_plugins_masquerade masq_checks")).toMatch(
			/ip saddr 10\.1\.2\.2 .*masquerade comment ".*, net: n1, if: eth0, id: dummy-0"/,
		);
		one.must("CHECK");
		one.must("DEL");
		// IPv6 parameters of the loopback interface of the one namespace.
		expect(leftovers(world, { except: kept })).toEqual([]);
	});
});

function configOf({ call }: Attachment): Config {
	return call.config as Config;
}

/** What runtimes do, and `ip netns del`. */
function removeNamespace({ name }: Namespace): void {
	const { exitCode, stderr } = attempt(["ip", "netns", "del", name]);
	if (exitCode !== 0) throw new Error(stderr);
}

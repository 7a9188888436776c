import { describe, expect, it } from "@jest/globals";
import { distribution } from "../support/paths.ts";
import type { PluginCall } from "../support/run-plugin.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { createWorld, leftovers, snapshotOf } from "../support/world.ts";
import { attachment, bridgeNetwork, type Config, kept, shell } from "./bridge-network.ts";

/** What is wrong with an ADD, and what it must say. */
interface Failure {
	readonly config?: Config;
	readonly ipam?: Config;
	readonly call?: Partial<PluginCall>;
	/** Lines of shell before it. */
	readonly host?: string;
	readonly container?: string;
	readonly code?: number;
	readonly msg: string | RegExp;
}

const everything = { isDefaultGateway: true, ipMasq: true, macspoofchk: true };

/** Programs before the system's that do not add rules. */
const brokenIptables = `for n in iptables ip6tables; do
	for k in restore nft-restore legacy-restore; do printf '#!/bin/sh\necho not today >&2; exit 4\n' >DIRECTORY/$n-$k; done
	done; chmod +x DIRECTORY/*-restore`;

const failures: Readonly<Record<string, Failure>> = {
	"a VLAN id below 0": { config: { vlan: -100 }, msg: "invalid VLAN ID -100 (must be between 0 and 4094)", code: 7 },
	"a VLAN id above 4094": { config: { vlan: 5000 }, msg: "invalid VLAN ID 5000 (must be between 0 and 4094)" },
	"a trunk without its end": {
		config: { vlanTrunk: [{ minID: 5 }] },
		msg: "minID and maxID should be configured simultaneously, maxID is missing",
	},
	"a trunk id out of range": { config: { vlanTrunk: [{ id: 5000 }] }, msg: "incorrect trunk id parameter" },
	"hairpin and promiscuous mode": {
		config: { hairpinMode: true, promiscMode: true },
		msg: "cannot set hairpin mode and promiscuous mode at the same time",
	},
	"addresses for an interface that stays down": {
		config: { disableContainerInterface: true },
		msg: "cannot use IPAM when DisableContainerInterface flag is set",
	},
	"an unknown masquerade backend": { config: { ipMasqBackend: "pf" }, msg: 'unknown ipmasq backend "pf"' },
	"an empty masquerade backend": { config: { ipMasqBackend: "" }, msg: 'unknown ipmasq backend ""' },
	"a bridge without a name": {
		config: { bridge: "" },
		msg: 'failed to create bridge "": could not add "": LinkAttrs.Name cannot be empty',
	},
	"a bridge with a name too long": {
		config: { bridge: "a-bridge-with-16" },
		msg: /^failed to create bridge "a-bridge-with-16": could not add /,
	},
	"a bridge that is none": {
		host: "ip link add br1 type veth peer name br1peer",
		config: { bridge: "br1" },
		msg: 'failed to create bridge "br1": "br1" already exists but is not a bridge',
	},
	"a bad MAC address": {
		config: { runtimeConfig: { mac: "02:00:00" } },
		msg: "failed to make veth pair: address 02:00:00: invalid MAC address",
	},
	"a multicast MAC address": {
		config: { args: { cni: { mac: "01:00:00:00:00:01" } } },
		msg: /invalid MAC address$/,
	},
	"CNI_ARGS that are no pairs": { call: { args: "MAC" }, msg: 'ARGS: invalid pair "MAC"', code: 4 },
	"CNI_ARGS with an unknown key": { call: { args: "K=V" }, msg: 'ARGS: unknown args ["K=V"]' },
	"a number in quotes": { config: { mtu: "1500" }, msg: /^failed to load netconf: "mtu"/, code: 6 },
	"a fraction": { config: { mtu: 1500.5 }, msg: /^failed to load netconf: "mtu"/ },
	"an object where a list must be": { config: { vlanTrunk: {} }, msg: /^failed to load netconf: "vlanTrunk"/ },
	"an IPAM plugin that is not there": {
		config: { ipam: { type: "no-such" } },
		msg: `failed to find plugin "no-such" in path [${distribution}]`,
	},
	"an exhausted range": {
		ipam: { ranges: [[{ subnet: "10.1.2.0/24", rangeStart: "10.1.2.2", rangeEnd: "10.1.2.2" }]] },
		msg: /no IP addresses available in range set: 10\.1\.2\.2-10\.1\.2\.2/,
	},
	"a second range exhausted": {
		ipam: {
			ranges: [
				[{ subnet: "10.1.2.0/24" }],
				[{ subnet: "fd00:1::/64", rangeStart: "fd00:1::2", rangeEnd: "fd00:1::2" }],
			],
		},
		msg: /no IP addresses available in range set: fd00:1::2-fd00:1::2/,
	},
	"no such namespace": {
		call: { netns: "/run/netns/cst-none" },
		msg: 'failed to open netns "/run/netns/cst-none": failed to Statfs "/run/netns/cst-none": no such file or directory',
	},
	"a file that is no namespace": {
		call: { netns: "/etc/hostname" },
		msg: /^failed to open netns "\/etc\/hostname": unknown FS magic on "\/etc\/hostname": [0-9a-f]+$/,
	},
	"an interface that exists already": {
		container: "ip link add eth0 type bridge",
		msg: /^container veth name \("eth0"\) peer provided \("veth[0-9a-f]{8}"\) already exists$/,
	},
	"the same attachment again": {
		call: { containerId: "first" },
		container: "ip link add eth0 type bridge",
		msg: /already exists$/,
	},
	"a foreign address on the bridge": {
		host: "ip link add br1 up type bridge; ip address add 192.0.2.1/24 dev br1",
		config: { bridge: "br1" },
		msg: 'failed to set bridge addr: "br1" already has an IP address different from 10.1.2.1/24',
	},
	"a foreign IPv6 address on the bridge": {
		host: "ip link add br1 up type bridge; ip address add fd00:1::77/60 dev br1 nodad",
		config: { bridge: "br1" },
		msg: 'failed to set bridge addr: "br1" already has an IP address different from fd00:1::1/64',
	},
	"an MTU that the kernel refuses": { config: { mtu: 70_000 }, msg: /^failed to make veth pair: / },
	"an MTU too small for IPv6": { config: { mtu: 1000 }, msg: "Cannot use IPv6 with an MTU of 1000" },
	"a route twice": {
		ipam: { routes: [1, 2].map(() => ({ dst: "198.51.100.0/24", gw: "10.1.2.7" })) },
		msg: /^failed to add route '198\.51\.100\.0\/24 via 10\.1\.2\.7 dev eth0': file exists/,
	},
	"a route through an unreachable gateway": {
		ipam: { routes: [{ dst: "198.51.100.0/24", gw: "172.31.0.1" }] },
		msg: /^failed to add route '198\.51\.100\.0\/24 via 172\.31\.0\.1 dev eth0': /,
	},
	"an IPv6 route through an unreachable gateway": {
		ipam: { routes: [{ dst: "2001:db8::/32", gw: "2001:db8:f::1" }] },
		msg: /^failed to add route '2001:db8::\/32 via 2001:db8:f::1 dev eth0': /,
	},
	"iptables that refuses the rules": {
		config: { ipMasqBackend: "iptables" },
		host: brokenIptables,
		call: { env: { PATH: "DIRECTORY:/usr/sbin:/usr/bin:/sbin:/bin" } },
		msg: /^running \[.*iptables-restore --noflush -w\]: exit status 4: not today/,
	},
	"a container id too long for the spoof check": {
		call: { containerId: "x".repeat(240) },
		msg: /^Cannot check the MAC address: the chain "cni-br-iface-x+-eth0-mac" would have a name of more than 255 bytes$/,
	},
};

/** What host-local keeps beside the reservations; the cursor and the index may be stale without harm. */
const advisory = [/^[+-] file n1\/last_reserved_ip\.\d+ /, /^[+-] (file|directory) \.cni-suite(\/|$)/];

describe("ADD that fails leaves everything as it was", () => {
	it.each(Object.entries(failures))("%s", (_title, failure) => {
		using world = createWorld();
		const subnets = ["10.1.2.0/24", "fd00:1::/64"];
		attachment(world, {
			config: bridgeNetwork(world, { subnets, config: everything }),
			containerId: "first",
		}).add();
		const container = world.container();
		shell(container, failure.container ?? "");
		shell(world.host, (failure.host ?? "").replaceAll("DIRECTORY", world.directory));
		const since = snapshotOf(world);
		const empty = takeSnapshot(container);

		const config = bridgeNetwork(world, {
			subnets,
			config: { ...everything, ...failure.config },
			...(failure.ipam && { ipam: failure.ipam }),
		});
		const { config: _, env, ...call } = failure.call ?? {};
		const path = env?.PATH?.replace("DIRECTORY", world.directory);
		const one = attachment(world, {
			netns: container,
			containerId: "second",
			config,
			...call,
			...(path && { env: { PATH: path } }),
		});
		const { error, exitCode, stderr } = one.run("ADD");
		expect(exitCode).toBe(1);
		expect([error?.msg, error?.details].join("; ")).toMatch(
			failure.msg instanceof RegExp
				? new RegExp(failure.msg.source.replace(/\$$/, "(; |$)"))
				: startingWith(failure.msg),
		);
		if (failure.code !== undefined) expect(error?.code).toBe(failure.code);
		expect(stderr).not.toContain("Cannot undo");
		expect(leftovers(world, { since, except: advisory })).toEqual([]);
		expect([...takeSnapshot(container).symmetricDifference(empty)]).toEqual([]);
	});

	it("a VLAN on a kernel that cannot filter VLANs, or none where it can", () => {
		using world = createWorld();
		attachment(world, { config: bridgeNetwork(world), containerId: "first" }).add();
		const since = snapshotOf(world);
		for (const bridge of ["br0", "br1"]) {
			const config = bridgeNetwork(world, { config: { vlan: 100, bridge } });
			const { error } = attachment(world, { config, containerId: "second" }).run("ADD");
			// The kernel of User-Mode Linux has it: test/uml/bridge-vlan.uml-test.ts.
			expect(error?.msg).toMatch(
				/^failed to create bridge "br[01]": could not (add "br1"|enable VLAN filtering on "br0"): operation not supported/,
			);
			expect(error?.details).toContain("CONFIG_BRIDGE_VLAN_FILTERING");
		}
		expect(leftovers(world, { since, except: advisory })).toEqual([]);
	});

	it("on a host that had nothing yet, but for the bridge and what every container of the network shares", () => {
		using world = createWorld();
		const ipam = { routes: [{ dst: "198.51.100.0/24", gw: "172.31.0.1" }] };
		const one = attachment(world, { config: bridgeNetwork(world, { config: everything, ipam }) });
		expect(one.run("ADD").exitCode).toBe(1);
		expect(leftovers(world, { except: kept })).toEqual([]);
	});
});

function startingWith(text: string): RegExp {
	return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}; `);
}

import { describe, expect, it } from "@jest/globals";
import { attemptIn } from "../support/namespace.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { type Attachment, attachment, type Config, hostLocal, shell, shownLink, shownLinks } from "./bridge-network.ts";

/*
 * A container has one interface of a name, and a runtime may ask for the same name on two networks: by mistake, or for
 * a container that was never deleted. The second ADD fails, and the DEL that follows it must not take the first away.
 */

const kinds: Readonly<Record<string, Config>> = {
	bridge: { bridge: "br0", isGateway: true, ipMasq: true, macspoofchk: true },
	ptp: {},
	macvlan: { master: "lower0" },
	tap: {},
	"host-device": { device: "given0" },
};
const pairs = Object.keys(kinds)
	.flatMap((first) => Object.keys(kinds).map((second) => [first, second] as const))
	.filter(([first, second]) => first !== "host-device" || second !== "host-device");

/** An attachment on a network of its own. */
function on(world: World, { type, name, netns }: { type: string; name: string; netns?: Attachment }): Attachment {
	const subnet = name === "first" ? "10.1.2.0/24" : "10.1.3.0/24";
	const changes = type === "host-device" ? { dataDir: `${world.directory}/devices` } : {};
	const ipam = hostLocal(world, [subnet]);
	const config = { cniVersion: "1.1.0", name, type, ipam, ...kinds[type], ...changes };
	return attachment(world, { type, config, ...(netns === undefined ? {} : { netns: netns.container }) });
}

function worldWithDevices(): World {
	const world = createWorld();
	shell(world.host, "ip link add lower0 type veth peer name upper0; ip link set lower0 up; ip link set upper0 up");
	shell(world.host, "ip link add given0 type veth peer name giver0; ip link set giver0 up");
	return world;
}

describe("DEL of a network whose ADD found the interface's name taken", () => {
	it.each(pairs)("leaves what %s has made: %s", (type, other) => {
		using world = worldWithDevices();
		const first = on(world, { type, name: "first" });
		first.add();
		const second = on(world, { type: other, name: "second", netns: first });
		expect(second.run("ADD").exitCode).toBe(1);
		second.must("DEL");
		first.must("CHECK");
		first.must("DEL");
		expect(attemptIn(first.container, ["ip", "link", "show", "eth0"]).exitCode).toBe(1);
		expect(shownLinks(world.host).filter(({ ifname }) => ifname === "given0")).toHaveLength(1);
	});

	it.each(Object.keys(kinds))("leaves lo alone: %s", (type) => {
		using world = worldWithDevices();
		const wrong = on(world, { type, name: "first" });
		expect(wrong.run("ADD", { ifName: "lo" }).exitCode).toBe(1);
		wrong.must("DEL", { ifName: "lo" });
		expect(shownLink(wrong.container, "lo").flags).toContain("UP");
	});
});

describe("plugins behind the one that makes the interface", () => {
	const limits = { ingressRate: 1e6, ingressBurst: 1e6, egressRate: 1e6, egressBurst: 1e6 };
	const behind: Readonly<Record<string, Config>> = {
		bandwidth: limits,
		tuning: { mtu: 1400, sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" } },
		sbr: {},
		firewall: {},
		portmap: {
			capabilities: { portMappings: true },
			runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
		},
		groups: { groups: ["web"] },
	};

	it.each(Object.entries(behind))("%s keeps what it did for the network that has the name", (type, keys) => {
		using world = createWorld();
		const first = on(world, { type: "bridge", name: "first" });
		const dataDir = type === "tuning" || type === "sbr" ? { dataDir: `${world.directory}/state` } : {};
		const config = { cniVersion: "1.1.0", name: "first", type, ...keys, ...dataDir };
		const guard = attachment(world, {
			type,
			netns: first.container,
			config: { ...config, prevResult: first.add() },
		});
		guard.add();
		const other = attachment(world, { type, netns: first.container, config: { ...config, name: "second" } });
		other.must("DEL");
		guard.must("CHECK");
		guard.must("DEL");
	});
});

describe("an interface that a tenant has put in the place of its own", () => {
	it.each([
		["bridge", "bridge"],
		["bridge", "veth"],
		["ptp", "veth"],
	])("does not keep DEL from the pair: %s, %s", (type, kind) => {
		using world = createWorld();
		const tenant = on(world, { type, name: "first" });
		tenant.add();
		shell(tenant.container, `ip link set eth0 name hidden; ip link add eth0 type ${kind}`);
		tenant.must("DEL");
		expect(shownLinks(tenant.container).map(({ ifname }) => ifname)).not.toContain("hidden");
		expect(shownLinks(world.host).filter(({ ifname }) => ifname.startsWith("veth"))).toEqual([]);
	});
});

describe("masquerading that the configuration has had since", () => {
	it.each([
		["bridge", { ipMasq: false }],
		["bridge", { ipMasq: "yes" }],
		["ptp", { ipMasq: false }],
	])("goes with the attachment: %s, %j", (type, changes) => {
		using world = createWorld();
		const one = on(world, { type, name: "first" });
		const config = { ...(one.call.config as Config), ipMasq: true };
		const masked = attachment(world, { ...one.call, netns: one.container, config });
		masked.add();
		expect(shell(world.host, "nft list ruleset")).toContain("net: first");
		masked.must("DEL", { config: { ...config, ...changes, macspoofchk: true } });
		expect(shell(world.host, "nft list ruleset")).not.toContain("net: first");
		expect(leftovers(world).filter((line) => line.includes("masquerade/"))).toEqual([]);
	});
});

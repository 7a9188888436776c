import { describe, expect, it } from "@jest/globals";
import { attempt } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { runPlugin } from "../support/run-plugin.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { attachment, bridgeNetwork, type Config, kept, shell } from "./bridge-network.ts";

const everything = { isDefaultGateway: true, ipMasq: true, macspoofchk: true };
const advisory = [/^[+-] file n\d\/last_reserved_ip\.\d+ /, /^[+-] (file|directory) \.cni-suite(\/|$)/];

/** A network of its own name and addresses on the common bridge. */
function network(world: World, { name = "n1", config = {} }: { name?: string; config?: Config } = {}): Config {
	const third = name.slice(1);
	return bridgeNetwork(world, {
		subnets: [`10.1.${third}.0/24`, `fd00:${third}::/64`],
		config: { ...everything, bridge: `br${third}`, ...config, name },
	});
}

function gc(world: World, { config, valid }: { config: Config; valid: unknown }) {
	return runPlugin({ world, type: "bridge", command: "GC", config: { ...config, "cni.dev/valid-attachments": valid } });
}

const entry = (containerID: string, ifname = "eth0") => ({ containerID, ifname });

describe("GC", () => {
	it.each([
		["nftables", {}],
		["iptables", { ipMasqBackend: "iptables" }],
	])("removes exactly what is of no valid attachment of the network, masquerade in %s", (backend, config) => {
		using world = createWorld();
		const ours = network(world, { config });
		const valid = attachment(world, { config: ours, containerId: "valid" });
		const twoInterfaces = attachment(world, { config: ours, containerId: "two" });
		// Another network on the same bridge, with containers of the same names.
		const other = network(world, { name: "n2", config: { ...config, bridge: "br1", isDefaultGateway: false } });
		const foreign = ["stale", "valid"].map((containerId) =>
			attachment(world, { config: other, containerId, ifName: "net1" }),
		);
		for (const one of [valid, twoInterfaces, ...foreign]) one.add();
		const since = snapshotOf(world);

		const stale = ["stale", "dead", "moved"].map((containerId) => attachment(world, { config: ours, containerId }));
		for (const one of stale) one.add();
		// In iptables, the interfaces of one container on one network share what GC could tell them by.
		const second = { ...ours, isDefaultGateway: false, isGateway: true, ipMasq: backend === "nftables" };
		attachment(world, { config: second, containerId: "two", ifName: "eth1", netns: twoInterfaces.container }).add();
		const [, dead] = stale;
		attempt(["ip", "netns", "del", dead?.container.name ?? ""]);

		const outcome = gc(world, { config: ours, valid: [entry("valid"), entry("two"), entry("unknown")] });
		expect([outcome.exitCode, outcome.stdout]).toEqual([0, ""]);
		expect(leftovers(world, { since, except: advisory })).toEqual([]);
		for (const one of [valid, twoInterfaces, ...foreign]) one.must("CHECK");
		// Nothing more to do.
		expect(gc(world, { config: ours, valid: [entry("valid"), entry("two")] }).exitCode).toBe(0);
		expect(leftovers(world, { since, except: advisory })).toEqual([]);
		// The attachment can be made again.
		stale[2]?.add();
	});

	it("with an empty list removes everything of the network", () => {
		using world = createWorld();
		const ours = network(world);
		for (const containerId of ["a", "b"]) attachment(world, { config: ours, containerId }).add();
		expect(gc(world, { config: ours, valid: [] }).exitCode).toBe(0);
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it("removes by owner, whatever the configuration says now", () => {
		using world = createWorld();
		const ours = network(world);
		attachment(world, { config: ours, containerId: "a" }).add();
		const changed = { ...ours, ipMasq: false, macspoofchk: false, bridge: "elsewhere", vlan: 9999 };
		expect(gc(world, { config: changed, valid: [] }).exitCode).toBe(0);
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it("removes what an ADD left that was killed", () => {
		using world = createWorld();
		const ours = network(world);
		attachment(world, { config: ours, containerId: "running" }).add();
		const since = snapshotOf(world);
		// Killed after its n-th request to the kernel or file operation; test/crash does so after every one.
		for (const [call, when] of [
			["sendto", 6],
			["sendto", 9],
			["sendto", 12],
			["sendto", 15],
			["linkat", 1],
			["renameat", 1],
		] as const) {
			const wrapper = [
				"strace",
				"-qq",
				"-f",
				"-o",
				"/dev/null",
				"-e",
				`trace=${call}`,
				"-e",
				`inject=${call}:signal=KILL:when=${when}`,
			];
			const one = attachment(world, { config: ours, containerId: `killed-${call}-${when}` });
			one.run("ADD", { wrapper });
			expect(gc(world, { config: ours, valid: [entry("running")] }).exitCode).toBe(0);
			expect(leftovers(world, { since, except: advisory })).toEqual([]);
		}
	});

	it.each([
		["that is no list", { a: 1 }],
		["with a member that is no object", [7]],
		["with a member without an interface", [{ containerID: "a" }]],
		["with a member without a container", [{ ifname: "eth0" }]],
	])("refuses a list of valid attachments %s, and removes nothing", (_title, valid) => {
		using world = createWorld();
		const ours = network(world);
		attachment(world, { config: ours, containerId: "a" }).add();
		const since = snapshotOf(world);
		const outcome = gc(world, { config: ours, valid });
		expect(outcome.exitCode).toBe(1);
		expect(outcome.error?.msg).toMatch(/valid.attachments/);
		expect(leftovers(world, { since })).toEqual([]);
	});

	it("needs version 1.1.0", () => {
		using world = createWorld();
		expect(gc(world, { config: network(world, { config: { cniVersion: "1.0.0" } }), valid: [] }).error).toMatchObject({
			code: 1,
			msg: "config version does not allow GC",
		});
	});
});

describe("STATUS", () => {
	const status = (world: World, config: Config) => runPlugin({ world, type: "bridge", command: "STATUS", config });

	it("is well where an ADD could succeed, and changes nothing", () => {
		using world = createWorld();
		for (const config of [network(world), bridgeNetwork(world, { subnets: [] })]) {
			const outcome = status(world, config);
			expect([outcome.exitCode, outcome.stdout]).toEqual([0, ""]);
		}
		expect(leftovers(world, { except: kept })).toEqual([]);
	});

	it("tells why an ADD cannot succeed", () => {
		using world = createWorld();
		shell(world.host, "ip link add notbr type veth peer name x");
		const notBridge = status(world, network(world, { config: { bridge: "notbr" } }));
		expect(notBridge.error).toMatchObject({ code: 50, msg: '"notbr" already exists but is not a bridge' });
		const noIpam = status(world, network(world, { config: { ipam: { type: "no-such" } } }));
		expect(noIpam.error?.msg).toBe(`failed to find plugin "no-such" in path [${distribution}]`);
		const wrong = status(world, network(world, { config: { mtu: "big" } }));
		expect(wrong.error?.msg).toMatch(/^failed to load netconf: "mtu"/);
		const old = status(world, network(world, { config: { cniVersion: "1.0.0" } }));
		expect(old.error).toMatchObject({ code: 1, msg: "config version does not allow STATUS" });
	});

	it("says when the range is exhausted", () => {
		using world = createWorld();
		const ipam = { ranges: [[{ subnet: "10.1.2.0/24", rangeStart: "10.1.2.9", rangeEnd: "10.1.2.9" }]] };
		const config = bridgeNetwork(world, { ipam });
		attachment(world, { config }).add();
		expect(status(world, config).error?.code).toBeGreaterThanOrEqual(50);
	});
});

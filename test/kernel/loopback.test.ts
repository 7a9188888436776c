import { describe, expect, it } from "@jest/globals";
import { runPlugin } from "../support/run-plugin.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { type Config, shell, shownLink } from "./bridge-network.ts";

const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/** A container whose loopback interface is down, and the calls as the reference's tests make them. */
function prepare(world: World, cniVersion = "1.1.0") {
	const container = world.container();
	shell(container, "ip link set lo down");
	const config: Config = { cniVersion, name: "loopback-test", type: "loopback" };
	// No PATH, no HOME; CNI_ARGS and CNI_PATH that mean nothing.
	const env = { PATH: undefined, CNI_PATH: "/some/test/path" };
	const call = {
		world,
		type: "loopback",
		config,
		netns: container,
		ifName: "lo",
		args: "none",
		containerId: "dummy",
		env,
	};
	const isUp = () => shownLink(container, "lo").flags.includes("UP");
	return { container, call, isUp, config };
}

describe("loopback", () => {
	it.each(versions)("ADD brings the interface up within a second, and DEL down, version %s", (cniVersion) => {
		using world = createWorld();
		const { call, isUp, container } = prepare(world, cniVersion);
		const start = performance.now();
		const added = runPlugin({ ...call, command: "ADD" });
		expect(performance.now() - start).toBeLessThan(1000);
		expect([added.exitCode, added.stderr]).toEqual([0, ""]);
		const result = added.json as Record<string, unknown>;
		expect(result.cniVersion).toBe(cniVersion);
		expect(isUp()).toBe(true);
		if (cniVersion >= "0.3.0") {
			const ip = (version: string, address: string) => ({
				...(cniVersion < "1.0.0" && { version }),
				interface: 0,
				address,
			});
			expect(result).toMatchObject({
				interfaces: [{ name: "lo", mac: "00:00:00:00:00:00", sandbox: container.path }],
				ips: [ip("4", "127.0.0.1/8"), ip("6", "::1/128")],
			});
		} else {
			expect(result).toMatchObject({ ip4: { ip: "127.0.0.1/8" }, ip6: { ip: "::1/128" } });
		}
		expect(ping(container, "127.0.0.1", { timeoutSeconds: 1 })).toBe(true);
		expect(ping(container, "::1", { timeoutSeconds: 1 })).toBe(true);

		const deleted = runPlugin({ ...call, command: "DEL" });
		expect([deleted.exitCode, deleted.stdout]).toEqual([0, ""]);
		expect(isUp()).toBe(false);
		expect(leftovers(world)).toEqual([]);
	});

	it("DEL is success in a fresh namespace, without a namespace, and again", () => {
		using world = createWorld();
		const { call, isUp } = prepare(world);
		const gone = [call, call, { ...call, netns: "" }, { ...call, netns: "/run/netns/cst-none" }];
		for (const one of [...gone, { ...call, netns: undefined }]) {
			const { exitCode, stdout } = runPlugin({ ...one, command: "DEL" });
			expect([exitCode, stdout]).toEqual([0, ""]);
		}
		expect(isUp()).toBe(false);
	});

	it("is always lo, whatever CNI_IFNAME says, and ADD again is no change", () => {
		using world = createWorld();
		const { call, isUp } = prepare(world);
		for (const ifName of ["eth0", "lo"]) {
			expect(runPlugin({ ...call, ifName, command: "ADD" }).json).toMatchObject({ interfaces: [{ name: "lo" }] });
		}
		expect(isUp()).toBe(true);
	});

	it("passes a prevResult on", () => {
		using world = createWorld();
		const { call, config, container, isUp } = prepare(world);
		const prevResult = {
			cniVersion: "1.1.0",
			interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", sandbox: container.path }],
			ips: [{ interface: 0, address: "10.1.2.2/24", gateway: "10.1.2.1" }],
			routes: [{ dst: "0.0.0.0/0" }],
			dns: { nameservers: ["192.0.2.1"] },
		};
		const { json } = runPlugin({ ...call, config: { ...config, prevResult }, command: "ADD" });
		expect(json).toEqual(prevResult);
		expect(isUp()).toBe(true);
	});

	it("ADD refuses an interface with a foreign address, and leaves it down", () => {
		using world = createWorld();
		const { call, container, isUp } = prepare(world);
		shell(container, "ip address add 10.0.0.1/8 dev lo");
		expect(runPlugin({ ...call, command: "ADD" }).error?.msg).toBe(
			'loopback interface found with non-loopback address "10.0.0.1"',
		);
		expect(isUp()).toBe(false);
		shell(container, "ip address replace 127.0.0.9/8 dev lo; ip address del 10.0.0.1/8 dev lo");
		expect(runPlugin({ ...call, command: "ADD" }).exitCode).toBe(0);
	});

	it("CHECK names an interface that is down, needs no prevResult, and changes nothing", () => {
		using world = createWorld();
		const { call, container, isUp } = prepare(world);
		expect(runPlugin({ ...call, command: "CHECK" }).error?.msg).toBe("loopback interface is down");
		expect(isUp()).toBe(false);
		runPlugin({ ...call, command: "ADD" });
		expect(runPlugin({ ...call, command: "CHECK" })).toMatchObject({ exitCode: 0, stdout: "" });
		shell(container, "ip link set lo down");
		expect(runPlugin({ ...call, command: "CHECK" }).error?.msg).toBe("loopback interface is down");
	});

	it("STATUS and GC are success", () => {
		using world = createWorld();
		const { call, config } = prepare(world);
		expect(runPlugin({ ...call, command: "STATUS" })).toMatchObject({ exitCode: 0, stdout: "" });
		const valid = { ...config, "cni.dev/valid-attachments": [] };
		expect(runPlugin({ ...call, config: valid, command: "GC" })).toMatchObject({ exitCode: 0, stdout: "" });
	});

	it("refuses the host's own namespace, a path that leads nowhere, and a file that is no namespace", () => {
		using world = createWorld();
		const { call } = prepare(world);
		expect(runPlugin({ ...call, netns: world.host, command: "ADD" }).error?.code).toBe(8);
		for (const netns of ["/run/netns/cst-none", "/etc/hostname"]) {
			const { error } = runPlugin({ ...call, netns, command: "ADD" });
			expect(error).toMatchObject({ code: 8, msg: expect.stringContaining(netns) });
		}
	});

	it("refuses a prevResult that cannot be read", () => {
		using world = createWorld();
		const { call, config, isUp } = prepare(world);
		for (const prevResult of ["x", { cniVersion: "9.9.9" }, { cniVersion: "1.1.0", ips: [{ address: "nonsense" }] }]) {
			const { error } = runPlugin({ ...call, config: { ...config, prevResult }, command: "ADD" });
			expect(error?.msg).toMatch(/prevResult/);
		}
		expect(isUp()).toBe(false);
	});
});

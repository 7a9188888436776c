import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { attemptIn, deleteNamespace, type Namespace, runIn } from "../support/namespace.ts";
import { tools } from "../support/paths.ts";
import { type Command, mustRunPlugin, type PluginCall, runPlugin } from "../support/run-plugin.ts";
import { itUnless } from "../support/skip.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, snapshotOf, type World } from "../support/world.ts";
import { type Config, type PrintedResult, shownLink, shownLinks } from "./bridge-network.ts";

const itWithStock = itUnless(
	existsSync(join(tools, "host-device")) ? undefined : "the stock plugins are missing: bin/setup --stock",
);

/** A host with a device that is up, and what is at the other end of its wire. */
function hostWithDevice(world: World, { device = "ens5f0", up = true } = {}) {
	const neighbour = world.container();
	const lines = [
		// Link-local addresses would come some time after the device.
		"sysctl -qw net.ipv6.conf.default.addr_gen_mode=1",
		`ip link add ${device} address 02:00:00:00:05:01 type veth peer name wire netns ${neighbour.name}`,
		...(up ? [`ip link set ${device} up`] : []),
	];
	runIn(world.host, ["sh", "-ec", lines.join("\n")]);
	runIn(neighbour, [
		"sh",
		"-ec",
		"ip address add 10.5.0.1/24 dev wire; ip address add fd05::1/64 dev wire nodad; ip link set wire up",
	]);
	return { device, neighbour, mac: "02:00:00:00:05:01" };
}

const ipam = {
	type: "static",
	addresses: [{ address: "10.5.0.2/24", gateway: "10.5.0.1" }, { address: "fd05::2/64" }],
	routes: [{ dst: "0.0.0.0/0" }, { dst: "fd09::/64", gw: "fd05::1" }],
};

function caller(world: World, settings: Config, container: Namespace = world.container()) {
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "host-device",
		dataDir: join(world.directory, "host-device"),
		...settings,
	};
	const call = (command: Command, changes: Config, more: Partial<PluginCall>) => ({
		world,
		type: "host-device",
		command,
		netns: container,
		config: { ...config, ...changes },
		env: { CNI_SUITE_SYSFS: join(world.directory, "sys") },
		...more,
	});
	return {
		container,
		run: (command: Command, changes: Config = {}, more: Partial<PluginCall> = {}) =>
			runPlugin(call(command, changes, more)),
		must: (command: Command, changes: Config = {}, more: Partial<PluginCall> = {}) =>
			mustRunPlugin<PrintedResult>(call(command, changes, more)),
	};
}

/** A folder of the world's sysfs, and its parents. */
function sysfs(world: World, path: string): string {
	const folder = join(world.directory, "sys", path);
	mkdirSync(folder, { recursive: true });
	return folder;
}

function pciDevice(world: World, { driver, net }: { driver?: string; net?: string }): string {
	const device = sysfs(world, "bus/pci/devices/0000:00:00.1");
	if (driver !== undefined) {
		sysfs(world, `bus/pci/drivers/${driver}`);
		symlinkSync(`../../../../bus/pci/drivers/${driver}`, join(device, "driver"));
	}
	if (net !== undefined) sysfs(world, `bus/pci/devices/0000:00:00.1/${net}`);
	return "0000:00:00.1";
}

const names = (namespace: Namespace) => shownLinks(namespace).map(({ ifname }) => ifname);

describe("host-device gives the device to the container, and brings it back under its name,", () => {
	it.each<[string, (world: World, given: { device: string; mac: string }) => Config]>([
		["by name", (_, { device }) => ({ device })],
		["by hardware address", (_, { mac }) => ({ device: "", hwaddr: mac.toUpperCase().replaceAll(":", "-") })],
		[
			"by kernel path",
			(world, { device }) => {
				sysfs(world, `devices/pci0000:00/0000:00:00.1/net/${device}`);
				return { kernelpath: "/sys/devices/pci0000:00/0000:00:00.1" };
			},
		],
		[
			"by PCI address",
			(world, { device }) => ({ pciBusID: pciDevice(world, { driver: "ice", net: `net/${device}` }) }),
		],
		[
			"by PCI address of a virtio device",
			(world, { device }) => ({
				pciBusID: pciDevice(world, { driver: "virtio-pci", net: `virtio3/net/${device}` }),
			}),
		],
		[
			"by the runtime's PCI device, which counts more",
			(world, { device }) => ({
				pciBusID: "0000:ff:ff.f",
				runtimeConfig: { deviceID: pciDevice(world, { driver: "ice", net: `net/${device}` }) },
			}),
		],
		[
			"by the runtime's device of the auxiliary bus",
			(world, { device }) => {
				sysfs(world, `bus/auxiliary/devices/mlx5_core.sf.4/net/${device}`);
				return { pciBusID: "0000:ff:ff.f", runtimeConfig: { deviceID: "mlx5_core.sf.4" } };
			},
		],
		[
			"by name, which counts most",
			(world, { device }) => ({ device, hwaddr: "02:00:00:00:00:99", pciBusID: pciDevice(world, { driver: "ice" }) }),
		],
	])("%s", (_, configure) => {
		using world = createWorld();
		const given = hostWithDevice(world);
		const before = snapshotOf(world);
		const { container, must } = caller(world, configure(world, given));
		const result = must("ADD");
		expect(result.interfaces).toEqual([{ name: "eth0", mac: given.mac, sandbox: container.path }]);
		expect(shownLink(container, "eth0")).toMatchObject({ ifalias: given.device, address: given.mac });
		expect(shownLink(container, "eth0").flags).toContain("UP");
		expect(names(world.host)).toEqual(["lo"]);
		must("CHECK", { prevResult: result });
		must("DEL", { prevResult: result });
		expect(snapshotOf(world)).toEqual(before);
		must("DEL");
	});

	it.each(["0.3.0", "1.0.0"])("with addresses and packets in both families, in version %s", (cniVersion) => {
		using world = createWorld();
		const { device, neighbour } = hostWithDevice(world);
		const before = snapshotOf(world);
		const { container, must } = caller(world, { cniVersion, device, ipam, dns: { nameservers: ["10.5.0.9"] } });
		const result = must("ADD");
		expect(result.ips).toMatchObject([{ address: "10.5.0.2/24", interface: 0 }, { address: "fd05::2/64" }]);
		expect(result.dns).toEqual({ nameservers: ["10.5.0.9"] });
		// The other end takes up to a second to notice that its wire leads somewhere again.
		for (const to of ["10.5.0.1", "fd05::1"]) expect([to, ping(container, to, { count: 10 })]).toEqual([to, true]);
		for (const to of ["10.5.0.2", "fd05::2"]) expect([to, ping(neighbour, to)]).toEqual([to, true]);
		if (cniVersion > "0.4") must("CHECK", { prevResult: result });
		must("DEL");
		expect(snapshotOf(world)).toEqual(before);
	});

	it("when it was down before, too; and the container's own eth0 stays as it is", () => {
		using world = createWorld();
		const { device } = hostWithDevice(world, { device: "eth0", up: false });
		const before = snapshotOf(world);
		const { container, must } = caller(world, { device });
		runIn(container, ["sh", "-ec", "ip link add eth0 type veth peer name other; ip link set eth0 up"]);
		const own = takeSnapshot(container);
		must("ADD", {}, { ifName: "net1" });
		expect(names(container).sort()).toEqual(["eth0", "lo", "net1", "other"]);
		must("DEL", {}, { ifName: "net1" });
		expect([...takeSnapshot(container).symmetricDifference(own)]).toEqual([]);
		expect(snapshotOf(world)).toEqual(before);
	});
});

describe("a device that a program in user space drives (DPDK)", () => {
	it.each(["vfio-pci", "uio_pci_generic", "igb_uio"])("is not moved: %s", (driver) => {
		using world = createWorld();
		const { container, must } = caller(world, { pciBusID: pciDevice(world, { driver }), ipam });
		const result = must("ADD");
		expect(result.interfaces).toEqual([{ name: "eth0", sandbox: container.path }]);
		expect(result.ips).toMatchObject([{ address: "10.5.0.2/24", interface: 0 }, { address: "fd05::2/64" }]);
		must("CHECK", { prevResult: result });
		for (const _ of [1, 2]) must("DEL", { prevResult: result });
		expect(names(container)).toEqual(["lo"]);
	});
});

describe("host-device ADD refuses", () => {
	it.each<[string, (world: World) => Config, string]>([
		["no selector", () => ({}), 'specify either "device", "hwaddr", "kernelpath" or "pciBusID"'],
		["no such device", () => ({ device: "ens9" }), "failed to find host device: Link not found"],
		[
			"no such hardware address",
			() => ({ hwaddr: "02:00:00:00:00:99" }),
			"failed to find host device: failed to find physical interface",
		],
		["what is no hardware address", () => ({ hwaddr: "x" }), 'failed to parse MAC address "x"'],
		[
			"a path elsewhere",
			() => ({ kernelpath: "/sys/devices/../../etc" }),
			'kernel device path "/sys/devices/../../etc" must be absolute and begin with /sys/devices/',
		],
		["a path as PCI address", () => ({ pciBusID: "../x" }), '"pciBusID" must be the name of a device'],
		["a missing PCI device", () => ({ pciBusID: "0000:00:00.2" }), "error with host device: "],
		[
			"a PCI device without interface",
			(world) => ({ pciBusID: pciDevice(world, { driver: "ice" }) }),
			"no net directory under pci device 0000:00:00.1",
		],
		[
			"a device of the runtime's that is nowhere",
			() => ({ runtimeConfig: { deviceID: "x" } }),
			"runtime config DeviceID x not found or unsupported",
		],
		[
			"an address that the interface cannot have",
			() => ({ device: "ens5f0", ipam: { ...ipam, routes: [{ dst: "10.7.0.0/16", gw: "192.0.2.1" }] } }),
			"failed to add route",
		],
	])("%s, and changes nothing", (_, configure, message) => {
		using world = createWorld();
		hostWithDevice(world);
		const { container, run } = caller(world, configure(world));
		const before = [snapshotOf(world), takeSnapshot(container)];
		expect(run("ADD").error?.msg).toContain(message);
		expect([snapshotOf(world), takeSnapshot(container)]).toEqual(before);
	});
});

describe("host-device DEL", () => {
	it("leaves the device in the container while the host has another of its name", () => {
		using world = createWorld();
		const { device } = hostWithDevice(world);
		const { container, run, must } = caller(world, { device });
		must("ADD");
		runIn(world.host, ["ip", "link", "add", device, "type", "ifb"]);
		const { error } = run("DEL");
		expect(error).toMatchObject({ msg: `failed to move "${device}" to hostNS: file exists` });
		expect(shownLink(container, "eth0")).toMatchObject({ ifalias: device });
		expect(shownLink(container, "eth0").flags).toContain("UP");
		runIn(world.host, ["ip", "link", "del", device]);
		must("DEL");
		expect(names(world.host)).toEqual(["lo", device]);
	});

	it.each([
		["under the container's name", "eth0"],
		["under a number", "dev7"],
	])("restores what the kernel has sent back %s when the namespace ended", (_, name) => {
		using world = createWorld();
		const { device } = hostWithDevice(world);
		const before = snapshotOf(world);
		const { container, must } = caller(world, { device });
		must("ADD");
		// The kernel does this with hardware, and only to the first namespace.
		runIn(container, ["ip", "link", "set", "eth0", "down"]);
		runIn(container, ["ip", "link", "set", "eth0", "name", name]);
		runIn(container, ["ip", "link", "set", name, "netns", world.host.name]);
		deleteNamespace(container);
		must("DEL");
		expect(snapshotOf(world)).toEqual(before);
	});

	it("finds the namespace itself, and GC does", () => {
		using world = createWorld();
		const { device } = hostWithDevice(world);
		const before = snapshotOf(world);
		const { run, must } = caller(world, { device });
		must("ADD");
		must("DEL", { device: "", pciBusID: "0000:ff:ff.f" }, { netns: undefined });
		expect(snapshotOf(world)).toEqual(before);
		must("ADD");
		expect(run("GC", { "cni.dev/valid-attachments": [] }, { netns: undefined }).exitCode).toBe(0);
		expect(snapshotOf(world)).toEqual(before);
	});

	it("says so when an interface does not tell where it comes from", () => {
		using world = createWorld();
		const { container, run } = caller(world, { device: "ens5f0" });
		runIn(container, ["ip", "link", "add", "eth0", "type", "ifb"]);
		expect(run("DEL").error?.msg).toBe('failed to find original ifname for "eth0" (alias is not set)');
		expect(attemptIn(container, ["ip", "link", "show", "eth0"]).exitCode).toBe(0);
	});
});

describe("a host that changes suites", () => {
	for (const [from, to] of [
		["the reference", "ours"],
		["ours", "the reference"],
	] as const) {
		itWithStock(`has a device that ${from} moved checked and brought home by ${to}`, () => {
			using world = createWorld();
			const { device } = hostWithDevice(world);
			const { must } = caller(world, { cniVersion: "1.0.0", device });
			const of = (suite: string) => (suite === "ours" ? {} : { cniPath: tools });
			const result = must("ADD", {}, of(from));
			must("CHECK", { prevResult: result }, of(to));
			must("DEL", {}, of(to));
			expect(names(world.host)).toEqual(["lo", device]);
			expect(shownLink(world.host, device).ifalias).toBeUndefined();
		});
	}
});

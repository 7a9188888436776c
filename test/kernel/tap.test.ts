import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { attemptIn, enter, type Namespace, runIn } from "../support/namespace.ts";
import { root, systemPath } from "../support/paths.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { attachment, type Config, globalAddresses, hostLocal, kept, shell, shownLink } from "./bridge-network.ts";

const network = (config: Config): Config => ({ cniVersion: "1.1.0", name: "n1", type: "tap", ...config });

function attach(world: World, config: Config, options: object = {}) {
	const one = attachment(world, { type: "tap", config: network(config), ...options });
	one.add();
	return one;
}

/** A program that opens the device as a virtual machine would; its address answers. */
async function machine(namespace: Namespace, { device, address }: { device: string; address: string }) {
	const program = join(root, "test/fixtures/tap-echo.py");
	const [command = "", ...args] = enter(namespace, ["python3", program, device, address]);
	const child = spawn(command, args, { env: { PATH: systemPath }, stdio: ["ignore", "pipe", "inherit"] });
	const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
	await new Promise<void>((resolve, reject) => {
		child.stdout.once("data", () => resolve());
		ended.then(() => reject(new Error(`Cannot open "${device}"`)));
	});
	return {
		[Symbol.asyncDispose]() {
			child.kill("SIGKILL");
			return ended;
		},
	};
}

/** The device file is root's where no udev is, so that it is opened first. */
const openTap = `
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[1]))
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"eth0", 0x1102))
`;

describe("tap", () => {
	it("makes a device that a program can open, and whose network has addresses and routes", async () => {
		using world = createWorld();
		const ipam = hostLocal(world, ["10.1.2.0/24", "fd00:1::/64"], { routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] });
		const dns = { nameservers: ["192.0.2.1"] };
		const one = attach(world, { mtu: 1400, mac: "02:00:00:00:00:07", ipam, dns });
		expect(one.result).toMatchObject({
			interfaces: [{ name: "eth0", mac: "02:00:00:00:00:07", sandbox: one.container.path }],
			ips: [{ interface: 0 }, { interface: 0 }],
			dns,
		});
		expect(shownLink(one.container, "eth0")).toMatchObject({
			address: "02:00:00:00:00:07",
			mtu: 1400,
			linkinfo: { info_kind: "tun", info_data: { type: "tap", persist: true, multi_queue: false } },
		});
		expect([...globalAddresses(one.container, "eth0")].sort()).toEqual(["10.1.2.2/24", "fd00:1::2/64"]);
		await using _machine = await machine(one.container, { device: "eth0", address: "10.1.2.1" });
		expect(ping(one.container, "10.1.2.1")).toBe(true);
		// By the default route.
		expect(ping(one.container, "192.0.2.77", { timeoutSeconds: 0.2 })).toBe(false);
		expect(runIn(one.container, ["ip", "route", "get", "192.0.2.77"])).toContain("via 10.1.2.1 dev eth0");
		one.must("CHECK");
		for (const _ of [1, 2]) one.must("DEL");
		expect(leftovers(world, { except: kept })).toEqual([]);
		expect(attemptIn(one.container, ["ip", "link", "show", "eth0"]).exitCode).toBe(1);
	});

	it("lets the owner and the group open it, and nobody else", () => {
		using world = createWorld();
		const one = attach(world, { owner: 65_501, group: 65_502, multiQueue: true });
		expect(shownLink(one.container, "eth0").linkinfo?.info_data).toMatchObject({ type: "tap", multi_queue: true });
		const open = (uid: number, gid: number) =>
			attemptIn(one.container, ["python3", "-c", openTap, String(uid), String(gid)]).exitCode;
		expect([open(65_501, 65_502), open(65_501, 65_503), open(65_503, 65_502)]).toEqual([0, 1, 1]);
	});

	it("is a port of a bridge in the container", () => {
		using world = createWorld();
		const container = world.container();
		shell(container, "ip link add br1 type bridge; ip link set br1 up");
		const one = attach(world, { bridge: "br1", owner: 0, group: 0 }, { netns: container });
		expect(shownLink(container, "eth0")).toMatchObject({ master: "br1", flags: expect.arrayContaining(["UP"]) });
		one.must("CHECK");
		shell(container, "ip link set eth0 nomaster");
		expect(one.run("CHECK").error).toMatchObject({ msg: "Interface eth0 is not a port of bridge br1" });
		one.must("DEL");
	});

	it.each([
		["runtimeConfig.mac before CNI_ARGS", { runtimeConfig: { mac: "02:00:00:00:00:03" } }, "02:00:00:00:00:03"],
		["CNI_ARGS before mac", {}, "02:00:00:00:00:02"],
	])("takes the hardware address of %s", (_title, more, expected) => {
		using world = createWorld();
		const one = attach(world, { mac: "02:00:00:00:00:01", ...more }, { args: "IgnoreUnknown=1;MAC=02:00:00:00:00:02" });
		expect(one.result.interfaces[0]?.mac).toBe(expected);
	});

	it.each<[title: string, config: Config, msg: string]>([
		["a MAC", { mac: "x" }, "invalid args x for MAC addr: address x: invalid MAC address"],
		["an owner", { owner: 2 ** 32 - 1 }, "invalid owner 4294967295"],
		["a bridge", { bridge: "no-such" }, "failed to get bridge no-such: Link not found"],
	])("refuses what is none: %s", (_title, config, msg) => {
		using world = createWorld();
		expect(attachment(world, { type: "tap", config: network(config) }).run("ADD").error?.msg).toBe(msg);
	});
});

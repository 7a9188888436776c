import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { attempt, jsonIn, runIn } from "../support/namespace.ts";
import { root } from "../support/paths.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { ping } from "../support/traffic.ts";
import { createWorld, leftovers } from "../support/world.ts";

describe("the kernel of User-Mode Linux", () => {
	it("is another than the machine's, and cannot change the machine's files", () => {
		expect(attempt(["uname", "-v"]).stdout).toBeTruthy();
		expect(readFileSync("/proc/cpuinfo", "utf8")).toContain("User Mode Linux");
		expect(() => writeFileSync(join(root, "probe"), "")).toThrow(/EROFS/);
	});

	it("filters VLANs on a bridge", () => {
		using world = createWorld();
		const { host } = world;
		runIn(host, ["ip", "link", "add", "br0", "type", "bridge", "vlan_filtering", "1"]);
		const ports = [10, 10, 20].map((vlan, index) => {
			const container = world.container();
			const port = `port${index}`;
			runIn(host, ["ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", container.name]);
			runIn(host, ["ip", "link", "set", port, "up", "master", "br0"]);
			runIn(host, ["bridge", "vlan", "del", "dev", port, "vid", "1"]);
			runIn(host, ["bridge", "vlan", "add", "dev", port, "vid", String(vlan), "pvid", "untagged"]);
			runIn(container, ["ip", "address", "add", `192.0.2.${index + 1}/24`, "dev", "eth0"]);
			runIn(container, ["ip", "link", "set", "eth0", "up"]);
			return container;
		});
		runIn(host, ["ip", "link", "set", "br0", "up"]);

		const [first] = ports;
		if (first === undefined) throw new Error("no container");
		expect(ping(first, "192.0.2.2")).toBe(true);
		expect(ping(first, "192.0.2.3", { timeoutSeconds: 1 })).toBe(false);
		expect(leftovers(world)).toContainEqual(expect.stringMatching(/^\+ vlan .*"vlan":20.* on port2 \(veth\)/));
	});

	it("runs our executables", () => {
		using world = createWorld();
		const container = world.container();
		const ipam = { type: "host-local", dataDir: world.dataDir, ranges: [[{ subnet: "10.60.0.0/24" }]] };
		const config = { cniVersion: "1.0.0", name: "n1", type: "bridge", bridge: "br0", isGateway: true, ipam };
		const call = { world, type: "bridge", config, netns: container };
		mustRunPlugin({ ...call, command: "ADD" });
		expect(ping(container, "10.60.0.1")).toBe(true);
		mustRunPlugin({ ...call, command: "DEL" });
		expect(jsonIn<{ ifname: string }[]>(container, ["ip", "-j", "link"]).map(({ ifname }) => ifname)).toEqual(["lo"]);
	});

	it.each([
		["dummy", "type dummy"],
		["ipvlan", "link veth0 type ipvlan mode l2"],
		["macvlan", "link veth0 type macvlan mode bridge"],
		["vlan", "link veth0 type vlan id 7"],
		["vrf", "type vrf table 100"],
	])("has %s", (kind, options) => {
		using world = createWorld();
		runIn(world.host, ["ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1"]);
		runIn(world.host, ["sh", "-c", `ip link add name probe ${options}`]);
		const [link] = jsonIn<{ linkinfo: { info_kind: string } }[]>(world.host, [
			"ip",
			"-j",
			"-d",
			"link",
			"show",
			"probe",
		]);
		expect(link?.linkinfo.info_kind).toBe(kind);
	});
});

import { describe, expect, it } from "@jest/globals";
import { runPlugin } from "../support/run-plugin.ts";
import { createWorld, leftovers } from "../support/world.ts";
import { hostLocal, kept } from "./bridge-network.ts";

/*
 * The specification sets no limit to names of networks and containers, and file systems do. What no file can be called,
 * no file keeps: DEL and GC have nothing to do then, and a runtime must not try for ever.
 */
const names = { "a network": ["n".repeat(300), "c1"], "a container": ["n1", "c".repeat(300)] } as const;
const types = ["host-local", "bridge", "ptp", "macvlan", "tap", "host-device", "tuning", "sbr", "firewall"].concat(
	...["portmap", "bandwidth", "groups"],
);

describe.each(Object.entries(names))("%s with a name longer than that of a file", (_what, [name, containerId]) => {
	it.each(types)("can be deleted: %s", (type) => {
		using world = createWorld();
		const netns = world.container();
		const dataDir = ["tuning", "sbr", "host-device"].includes(type) ? { dataDir: `${world.directory}/state` } : {};
		const ipam = hostLocal(world, ["10.1.2.0/24"]);
		const config = { cniVersion: "1.1.0", name, type, ipam, device: "none0", ...dataDir };
		// The directory is there, as it is on a host with other networks.
		const others = { ...config, name: "others" };
		expect(runPlugin({ world, type, command: "DEL", netns, containerId, config: others }).exitCode).toBe(0);
		expect(runPlugin({ world, type, command: "DEL", netns, containerId, config }).exitCode).toBe(0);
		const valid = { "cni.dev/valid-attachments": [] };
		expect(runPlugin({ world, type, command: "GC", config: { ...config, ...valid } }).exitCode).toBe(0);
		expect(leftovers(world, { except: kept })).toEqual([]);
	});
});

import { expect, test } from "@jest/globals";
import { attemptIn, jsonIn } from "../support/namespace.ts";
import { mustRunPlugin, runPlugin } from "../support/run-plugin.ts";
import { createWorld, keptByContract, leftovers } from "../support/world.ts";

// Acknowledgements of a few hundred requests overflow the buffer of a netlink socket, and the answers are lost.
test("a network of a thousand routes: ADD sets all of them, CHECK sees one that is missing, DEL ends", () => {
	using world = createWorld();
	const container = world.container();
	const routes = Array.from({ length: 1000 }, (_, index) => ({ dst: `172.${16 + (index >> 8)}.${index & 255}.0/24` }));
	const config = {
		cniVersion: "1.1.0",
		name: "many",
		bridge: "cst-many",
		isGateway: true,
		ipam: { type: "host-local", dataDir: world.dataDir, subnet: "10.70.0.0/24", routes },
	};
	const call = { world, type: "bridge", config, netns: container };
	const prevResult = mustRunPlugin({ ...call, command: "ADD" });
	expect(jsonIn<object[]>(container, ["ip", "-j", "route"])).toHaveLength(1001);
	expect(runPlugin({ ...call, command: "CHECK", config: { ...config, prevResult } })).toMatchObject({ exitCode: 0 });
	attemptIn(container, ["ip", "route", "del", "172.18.99.0/24"]);
	const { error } = runPlugin({ ...call, command: "CHECK", config: { ...config, prevResult } });
	expect(error?.msg).toContain("172.18.99.0/24");
	mustRunPlugin({ ...call, command: "DEL" });
	const indexes = /^\+ file \.cni-suite\//;
	expect(leftovers(world, { except: [...keptByContract, indexes] })).toEqual([]);
});

test("a hundred thousand valid attachments: GC reads them all and keeps what is valid", () => {
	using world = createWorld();
	const container = world.container();
	const config = {
		cniVersion: "1.1.0",
		name: "many",
		ipam: { type: "host-local", dataDir: world.dataDir, subnet: "10.70.0.0/24" },
	};
	const call = { world, type: "host-local", config, netns: container };
	mustRunPlugin({ ...call, command: "ADD", containerId: "container-99999" });
	mustRunPlugin({ ...call, command: "ADD", containerId: "stale" });
	const valid = Array.from({ length: 100_000 }, (_, index) => ({ containerID: `container-${index}`, ifname: "eth0" }));
	mustRunPlugin({ ...call, command: "GC", config: { ...config, "cni.dev/valid-attachments": valid } });
	const files = attemptIn(world.host, ["ls", `${world.dataDir}/many`]).stdout.match(/^10\.\S+$/gm);
	expect(files).toEqual(["10.70.0.2"]);
});

import { describe } from "@jest/globals";
import { type Etcd, keysNow } from "../support/etcd.ts";
import { etcdForAll } from "../support/etcd-for-all.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import type { World } from "../support/world.ts";
import { crashTests, type Scenario } from "./crash-tests.ts";

let etcd: Etcd;

etcdForAll((started) => {
	({ etcd } = started);
});

/** Beside a running container; with `journal`, a DEL that did not reach etcd waits to be replayed. */
function setUp(world: World, { journal = false } = {}): Scenario {
	const prefix = world.directory;
	const configBy = (endpoints: readonly string[]) => ({
		cniVersion: "1.1.0",
		name: "n1",
		type: "cluster",
		ipam: {
			type: "cluster",
			endpoints,
			prefix,
			agent: "a1",
			dataDir: world.dataDir,
			ranges: [[{ subnet: "10.63.0.0/24" }], [{ subnet: "fd63::/64" }]],
		},
	});
	const config = configBy([etcd.socketUrl]);
	const call = { world, type: "cluster", config, netns: world.container(), containerId: "killed" };
	mustRunPlugin({ ...call, command: "ADD", containerId: "running" });
	const holders = () =>
		[...keysNow(etcd, `${prefix}/network/n1`)].flatMap(([key, value]) => {
			if (key.includes("/owner/")) return `owner ${key.split("/owner/")[1]}`;
			return key.startsWith("address/") ? `address of ${JSON.parse(value).containerId}` : [];
		});
	const expected = ["address of running", "address of running", "owner running/eth0"];
	return {
		call,
		verify() {
			const found = holders().sort();
			return found.join() === expected.join() ? [] : found;
		},
		running: ["running"],
		arrange() {
			if (!journal) return;
			mustRunPlugin({ ...call, command: "ADD", containerId: "gone" });
			mustRunPlugin({ ...call, command: "DEL", containerId: "gone", config: configBy(["unix:///nowhere"]) });
		},
	};
}

describe("cluster beside a running container", () => {
	crashTests((world) => setUp(world), {
		kills: [
			["ADD", "DEL"],
			["DEL", "GC"],
		],
		failing: false,
		atLeast: 2,
	});

	describe("that replays the journal", () => {
		crashTests((world) => setUp(world, { journal: true }), { kills: [["ADD", "DEL"]], failing: false, atLeast: 9 });
	});
});

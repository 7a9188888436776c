import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Etcd, keysNow, startEtcd } from "../support/etcd.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { createWorld, type World } from "../support/world.ts";
import { killEverywhere } from "./kill-everywhere.ts";

let machine: World;
let etcd: Etcd;

beforeAll(async () => {
	machine = createWorld();
	etcd = await startEtcd(machine.host);
});
afterAll(async () => {
	await etcd[Symbol.asyncDispose]();
	machine.dispose();
});

/** A running container, and one whose calls are disturbed. */
function scenario(world: World) {
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
	const valid = { "cni.dev/valid-attachments": [{ containerID: "running", ifname: "eth0" }] };
	return {
		call,
		/** The same with etcd out of reach. */
		away: { ...call, config: configBy(["unix:///nowhere"]) },
		del: () => mustRunPlugin({ ...call, command: "DEL" }),
		gc: () => mustRunPlugin({ ...call, command: "GC", config: { ...config, ...valid } }),
		verify: () => {
			const expected = ["owner running/eth0", "address of running", "address of running"];
			const found = holders();
			return found.sort().join() === expected.sort().join() ? [] : found;
		},
	};
}

describe("cluster beside a running container", () => {
	it("ADD killed anywhere: DEL takes back what it has taken", () => {
		using world = createWorld();
		const { call, del, verify } = scenario(world);
		const report = killEverywhere({ call: { ...call, command: "ADD" }, prepare() {}, recover: del, verify });
		expect(report.wrong).toEqual([]);
		expect(report.killed).toBeGreaterThan(5);
	}, 120_000);

	it("DEL killed anywhere: GC does the rest", () => {
		using world = createWorld();
		const { call, gc, verify } = scenario(world);
		const prepare = () => mustRunPlugin({ ...call, command: "ADD" });
		const report = killEverywhere({ call: { ...call, command: "DEL" }, prepare, recover: gc, verify });
		expect(report.wrong).toEqual([]);
		expect(report.killed).toBeGreaterThan(1);
	}, 120_000);

	it("a call that replays the journal killed anywhere: the next one does it", () => {
		using world = createWorld();
		const { call, away, del, verify } = scenario(world);
		const report = killEverywhere({
			call: { ...call, command: "ADD" },
			prepare() {
				mustRunPlugin({ ...call, command: "ADD", containerId: "gone" });
				mustRunPlugin({ ...away, command: "DEL", containerId: "gone" });
			},
			recover: del,
			verify,
		});
		expect(report.wrong).toEqual([]);
		expect(report.killed).toBeGreaterThan(8);
	}, 120_000);
});

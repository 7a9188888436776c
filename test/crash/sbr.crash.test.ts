import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { runIn } from "../support/namespace.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { killEverywhere } from "./kill-everywhere.ts";

function scenario(world: World) {
	const container = world.container();
	const lines = [
		"ip link add eth0 type veth peer name other",
		"ip link set other up",
		"ip address add 10.0.0.2/24 dev eth0",
		"ip address add fd00::2/64 dev eth0 nodad",
		"ip link set eth0 up",
		"ip route add 10.9.0.0/16 via 10.0.0.7 mtu 1400 metric 7",
		"ip route add default via 10.0.0.1",
		"ip route add default via fd00::1",
	];
	runIn(container, ["sh", "-ec", lines.join("\n")]);
	// Where leftovers are looked for.
	const config = { cniVersion: "1.1.0", name: "n1", type: "sbr", dataDir: join(world.dataDir, "sbr") };
	const ips = [
		{ address: "10.0.0.2/24", gateway: "10.0.0.1" },
		{ address: "fd00::2/64", gateway: "fd00::1" },
	];
	const call = {
		world,
		type: "sbr",
		netns: container,
		config: { ...config, prevResult: { cniVersion: "1.1.0", ips } },
	};
	const before = takeSnapshot(container);
	const verify = () => [
		// The folders stay.
		...leftovers(world, { except: [/^\+ directory /] }),
		...[...takeSnapshot(container).symmetricDifference(before)].map((line) => `in the container: ${line}`),
	];
	const recover = {
		DEL: () => mustRunPlugin({ ...call, command: "DEL" }),
		GC: () =>
			mustRunPlugin({ world, type: "sbr", command: "GC", config: { ...config, "cni.dev/valid-attachments": [] } }),
	};
	return { call, verify, recover };
}

describe("sbr", () => {
	it.each([
		["ADD", "DEL"],
		["ADD", "GC"],
		["DEL", "GC"],
	] as const)("%s killed anywhere: %s restores the earlier state", (killed, by) => {
		using world = createWorld();
		const { call, verify, recover } = scenario(world);
		const report = killEverywhere({
			call: { ...call, command: killed },
			prepare() {
				if (killed === "DEL") mustRunPlugin({ ...call, command: "ADD" });
				else rmSync(world.dataDir, { recursive: true, force: true });
			},
			recover: recover[by],
			verify,
		});
		expect(report.wrong).toEqual([]);
		// A kill that hits nothing proves nothing.
		expect(report.killed).toBeGreaterThan(3);
		expect(report.survived.slice(report.killed / 10)).toEqual([]);
	});

	it("ADD that fails anywhere leaves nothing", () => {
		using world = createWorld();
		const { call, verify, recover } = scenario(world);
		const report = failEverywhere({ call: { ...call, command: "ADD" }, prepare() {}, recover: recover.DEL, verify });
		expect(report.wrong).toEqual([]);
		expect(report.failed).toBeGreaterThan(3);
	});
});

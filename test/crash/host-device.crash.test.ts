import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { runIn } from "../support/namespace.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { killEverywhere } from "./kill-everywhere.ts";

function scenario(world: World) {
	const container = world.container();
	const lines = [
		"sysctl -qw net.ipv6.conf.default.addr_gen_mode=1",
		"ip link add ens5f0 type veth peer name wire",
		"ip link set wire up",
		"ip link set ens5f0 up",
	];
	runIn(world.host, ["sh", "-ec", lines.join("\n")]);
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "host-device",
		device: "ens5f0",
		// Where leftovers are looked for.
		dataDir: join(world.dataDir, "host-device"),
		ipam: { type: "static", addresses: [{ address: "10.5.0.2/24", gateway: "10.5.0.1" }, { address: "fd05::2/64" }] },
	};
	const call = { world, type: "host-device", netns: container, config };
	const [since, inside] = [snapshotOf(world), takeSnapshot(container)];
	const verify = () => [
		// The folders stay.
		...leftovers(world, { since, except: [/^\+ directory /] }),
		...[...takeSnapshot(container).symmetricDifference(inside)].map((line) => `in the container: ${line}`),
	];
	const recover = {
		DEL: () => mustRunPlugin({ ...call, command: "DEL" }),
		GC: () =>
			mustRunPlugin({
				...call,
				netns: undefined,
				command: "GC",
				config: { ...config, "cni.dev/valid-attachments": [] },
			}),
	};
	return { call, verify, recover };
}

describe("host-device", () => {
	it.each([
		["ADD", "DEL"],
		["ADD", "GC"],
		["DEL", "DEL"],
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

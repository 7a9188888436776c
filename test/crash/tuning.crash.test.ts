import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { runIn } from "../support/namespace.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { takeSnapshot } from "../support/snapshot.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { killEverywhere } from "./kill-everywhere.ts";

/** The folders stay, and a file that is not yet complete says nothing to anybody. */
const kept = [/^\+ directory /];

function scenario(world: World) {
	const container = world.container();
	runIn(container, "ip link add eth0 type veth peer name other".split(" "));
	const config = {
		cniVersion: "1.1.0",
		name: "n1",
		type: "tuning",
		// Where leftovers are looked for.
		dataDir: join(world.dataDir, "tuning"),
		mac: "c2:11:22:33:44:55",
		mtu: 1400,
		promisc: true,
		allmulti: true,
		txQLen: 500,
		sysctl: { "net.ipv4.conf.IFNAME.log_martians": "1", "net.ipv4.ip_local_port_range": "20000 30000" },
	};
	const call = {
		world,
		type: "tuning",
		netns: container,
		config: { ...config, prevResult: { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: container.path }] } },
	};
	const parameters = () =>
		runIn(container, ["sysctl", "net.ipv4.conf.eth0.log_martians", "net.ipv4.ip_local_port_range"]) +
		runIn(container, ["ip", "-d", "link", "show", "eth0"]);
	const [before, values] = [takeSnapshot(container), parameters()];
	const verify = () => [
		...leftovers(world, { except: kept }),
		...[...takeSnapshot(container).symmetricDifference(before)].map((line) => `in the container: ${line}`),
		...(parameters() === values ? [] : [`${parameters()} instead of ${values}`]),
	];
	const recover = {
		DEL: () => mustRunPlugin({ ...call, command: "DEL" }),
		GC: () =>
			mustRunPlugin({ world, type: "tuning", command: "GC", config: { ...config, "cni.dev/valid-attachments": [] } }),
	};
	return { call, verify, recover };
}

describe("tuning", () => {
	it.each([
		["ADD", "DEL"],
		["ADD", "GC"],
		["DEL", "DEL"],
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
		expect(report.killed).toBeGreaterThan(5);
		expect(report.survived.slice(report.killed / 10)).toEqual([]);
	});

	it("ADD that fails anywhere leaves nothing", () => {
		using world = createWorld();
		const { call, verify, recover } = scenario(world);
		const report = failEverywhere({ call: { ...call, command: "ADD" }, prepare() {}, recover: recover.DEL, verify });
		expect(report.wrong).toEqual([]);
		expect(report.failed).toBeGreaterThan(5);
	});
});

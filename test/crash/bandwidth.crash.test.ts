import { describe, expect, it } from "@jest/globals";
import { limitedAttachment } from "../kernel/bandwidth-network.ts";
import { mustRunPlugin } from "../support/run-plugin.ts";
import { createWorld, leftovers, snapshotOf, type World } from "../support/world.ts";
import { failEverywhere } from "./fail-everywhere.ts";
import { killEverywhere } from "./kill-everywhere.ts";

const limits = { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 4_000_000, egressBurst: 400_000 };

/** An interface without limits, beside a running container that has some; and the call that gives it some. */
function scenario(world: World) {
	limitedAttachment(world, { limits, containerId: "running" }).add();
	const one = limitedAttachment(world, { limits, containerId: "killed" });
	one.bridge.add();
	const since = snapshotOf(world);
	const call = { ...one.call, config: { ...one.call.config, prevResult: one.bridge.result } };
	const validAttachments = [{ containerID: "running", ifname: "eth0" }];
	const gcConfig = { ...one.call.config, "cni.dev/valid-attachments": validAttachments };
	return {
		call,
		recover: {
			DEL: () => mustRunPlugin({ ...call, command: "DEL" }),
			GC: () => mustRunPlugin({ world, type: "bandwidth", command: "GC", config: gcConfig }),
		},
		verify: () => leftovers(world, { since }),
	};
}

describe("bandwidth", () => {
	it.each([
		["ADD", "DEL"],
		["ADD", "GC"],
		["DEL", "DEL"],
		["DEL", "GC"],
	] as const)("%s killed anywhere: %s restores the earlier state", (killed, by) => {
		using world = createWorld();
		const { call, recover, verify } = scenario(world);
		const report = killEverywhere({
			call: { ...call, command: killed },
			prepare() {
				if (killed === "DEL") mustRunPlugin({ ...call, command: "ADD" });
			},
			recover: recover[by],
			verify,
		});
		expect(report.wrong).toEqual([]);
		// A kill that hits nothing proves nothing.
		expect(report.killed).toBeGreaterThan(2);
		expect(report.survived).toEqual([]);
	});

	it("ADD that fails anywhere leaves nothing", () => {
		using world = createWorld();
		const { call, recover, verify } = scenario(world);
		const report = failEverywhere({ call: { ...call, command: "ADD" }, prepare() {}, recover: recover.DEL, verify });
		expect(report.wrong).toEqual([]);
		expect(report.failed).toBeGreaterThan(0);
	});
});

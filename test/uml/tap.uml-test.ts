import { describe, expect, it } from "@jest/globals";
import { attachment, shownLink } from "../kernel/bridge-network.ts";
import { attemptIn } from "../support/namespace.ts";
import { createWorld } from "../support/world.ts";

describe("tap with selinuxContext", () => {
	it("labels the program that makes the device, which is otherwise the same", () => {
		using world = createWorld();
		// Of a kernel with SELinux, and without a policy, a label that it was born with.
		const config = { cniVersion: "1.1.0", name: "n1", type: "tap", owner: 1000, multiQueue: true, mtu: 1400 };
		const labelled = { ...config, selinuxContext: "kernel" };
		expect(attemptIn(world.host, ["sh", "-c", "printf kernel >/proc/thread-self/attr/exec"]).exitCode).toBe(0);
		const one = attachment(world, { type: "tap", config: labelled });
		one.add();
		expect(shownLink(one.container, "eth0")).toMatchObject({
			mtu: 1400,
			linkinfo: { info_kind: "tun", info_data: { type: "tap", multi_queue: true } },
		});
		one.must("CHECK");
		one.must("DEL");
	});
});

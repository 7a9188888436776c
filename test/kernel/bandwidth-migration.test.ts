import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "@jest/globals";
import { deleteNamespace, runIn } from "../support/namespace.ts";
import { distribution, tools } from "../support/paths.ts";
import { runPlugin } from "../support/run-plugin.ts";
import { itUnless } from "../support/skip.ts";
import { createWorld, leftovers, type World } from "../support/world.ts";
import { ifbName, limitedAttachment, redirections } from "./bandwidth-network.ts";
import { kept, shownLinks } from "./bridge-network.ts";

const stock = { cniPath: tools };
const ours = { cniPath: distribution };
const itWithStock = itUnless(
	existsSync(join(tools, "bandwidth")) ? undefined : "the stock plugins are missing: bin/setup --stock",
);

const limits = {
	"in both directions": { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 4_000_000, egressBurst: 400_000 },
	"with a burst that wraps in 32 bits": {
		ingressRate: 1_000_000,
		ingressBurst: 2_147_483_647,
		egressRate: 1_000_000,
		egressBurst: 2_147_483_647,
	},
	"beyond 32 bits of rate": {
		ingressRate: 80_000_000_000,
		ingressBurst: 800_000_000,
		egressRate: 80_000_000_000,
		egressBurst: 800_000_000,
	},
};

const devices = (world: World) =>
	shownLinks(world.host)
		.filter(({ linkinfo }) => linkinfo?.info_kind === "ifb")
		.map(({ ifname }) => ifname);

describe.each(Object.entries(limits))("a host that changes suites with limits %s", (_, values) => {
	for (const cniVersion of ["0.4.0", "1.1.0"]) {
		itWithStock(`what the reference made is ours to CHECK, ADD again and DEL, version ${cniVersion}`, () => {
			using world = createWorld();
			const one = limitedAttachment(world, { limits: values, cniVersion, ...stock });
			one.add();
			one.must("CHECK", ours);
			one.must("ADD", ours);
			one.must("CHECK", ours);
			expect(devices(world)).toEqual([ifbName("n1container-1")]);
			one.must("DEL", ours);
			expect(devices(world)).toEqual([]);
			one.bridge.must("DEL");
			expect(leftovers(world, { except: kept })).toEqual([]);
		});

		itWithStock(`what we made is the reference's to CHECK and DEL, version ${cniVersion}`, () => {
			using world = createWorld();
			const one = limitedAttachment(world, { limits: values, cniVersion });
			one.add();
			one.must("CHECK", stock);
			one.must("DEL", stock);
			expect(devices(world)).toEqual([]);
			one.bridge.must("DEL");
			expect(leftovers(world, { except: kept })).toEqual([]);
		});
	}
});

describe("what the reference left", () => {
	const values = limits["in both directions"];

	itWithStock("is removed by our DEL without the namespace", () => {
		using world = createWorld();
		const one = limitedAttachment(world, { limits: values, ...stock });
		one.add();
		deleteNamespace(one.container);
		one.must("DEL", { ...ours, netns: undefined });
		expect(devices(world)).toEqual([]);
	});

	itWithStock("is removed by GC once its interface is gone, and not before", () => {
		using world = createWorld();
		const [gone, running] = ["gone", "running"].map((containerId) =>
			limitedAttachment(world, { limits: values, containerId, ...stock }),
		);
		gone?.add();
		running?.add();
		// As after an ADD that was killed, or is under way: without the token bucket nothing tells the two apart.
		runIn(world.host, "ip link add bwp0123456789ab type ifb".split(" "));
		if (gone !== undefined) runIn(world.host, ["ip", "link", "del", gone.port]);
		const config = { cniVersion: "1.1.0", name: "other", type: "bandwidth", "cni.dev/valid-attachments": [] };
		expect(runPlugin({ world, type: "bandwidth", command: "GC", config }).exitCode).toBe(0);
		expect(devices(world).sort()).toEqual([ifbName("n1running"), "bwp0123456789ab"].sort());
		running?.must("CHECK", stock);
	});

	itWithStock("for one interface stays when ours is another of the same container", () => {
		using world = createWorld();
		const first = limitedAttachment(world, { limits: values, ...stock });
		const second = limitedAttachment(world, { limits: values, ifName: "eth1", container: first.container });
		first.add();
		expect(second.add().interfaces.at(-1)?.name).toBe(ifbName("n1container-1/eth1"));
		expect(redirections(world.host, second.port)).toEqual([ifbName("n1container-1/eth1")]);
		second.remove();
		first.must("CHECK", ours);
		first.must("CHECK", stock);
		first.must("DEL", stock);
		expect(devices(world)).toEqual([]);
	});
});

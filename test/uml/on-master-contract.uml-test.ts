import { addressMutations, dualStack, failuresOnMaster, linkMutations } from "../contract/on-master.ts";
import { pluginContract } from "../contract/plugin.ts";
import { ensureMaster, masterLines } from "../support/master.ts";
import type { World } from "../support/world.ts";

const master = (world: World) => ("host" in world ? ensureMaster(world) : "card0");

// One of each thing that can change or fail: the rest is in the tests beside this one, and in the contract of macvlan.
for (const [type, own] of [
	["vlan", { vlanId: 33 }],
	["ipvlan", { mode: "l2" }],
] as const) {
	pluginContract({
		type,
		config: (world) => ({ master: master(world), ...own, ipam: dualStack(world) }),
		// A master has each VLAN once.
		...(type === "vlan" ? { perContainer: (id: string) => ({ vlanId: id === "two" ? 34 : 33 }) } : {}),
		hasAddress: true,
		lean: true,
		mutations: [...linkMutations(type).slice(0, 1), ...addressMutations.slice(0, 1)],
		failures: failuresOnMaster.slice(-1),
		kept: masterLines,
	});
}
